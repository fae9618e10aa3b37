import { xml } from "./xml.js";

/** One bar of a panel. */
export interface Bar {
  readonly label: string;
  /** Not negative. */
  readonly value: number;
  /** The value as it is written behind the bar. */
  readonly text: string;
  /** `own` stands out, `limit` is an outline: something to be compared with that is no competitor. */
  readonly style: "own" | "other" | "limit";
}

/** Bars that share a scale. */
export interface Panel {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const panelsPerRow = 2;
const panelWidth = 440;
const labelWidth = 170;
const barWidth = 180;
const barHeight = 16;
const rowHeight = 22;
const titleHeight = 30;
const margin = 16;

// Where a viewer knows no style sheets, the colours of the elements themselves hold: those for light backgrounds.
const styleSheet = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
  .title { font-weight: 600; font-size: 13px; }
  @media (prefers-color-scheme: dark) {
    .text { fill: #e6edf3; }
    .other { fill: #6e7681; }
    .own { fill: #58a6ff; }
    .limit { stroke: #8b949e; }
  }
`;

const paint: Readonly<Record<Bar["style"], string>> = {
  own: 'class="own" fill="#0969da"',
  other: 'class="other" fill="#afb8c1"',
  limit: 'class="limit" fill="none" stroke="#6e7781" stroke-dasharray="3 2"',
};

/** Draws panels of horizontal bars as an SVG document for light and dark pages; its background is the page's. */
export function barChart(title: string, panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / panelsPerRow);
  const heights = Array.from({ length: rows }, (_, row) =>
    Math.max(...panels.slice(row * panelsPerRow, (row + 1) * panelsPerRow).map(heightOf)),
  );
  const width = Math.min(panels.length, panelsPerRow) * panelWidth + 2 * margin;
  const height = heights.reduce((sum, one) => sum + one, 0) + 2 * margin;
  const content = panels.map((panel, at) => {
    const row = Math.floor(at / panelsPerRow);
    const x = margin + (at % panelsPerRow) * panelWidth;
    const y = margin + heights.slice(0, row).reduce((sum, one) => sum + one, 0);
    return drawPanel(panel, x, y);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${xml(title)}</title>`,
    `<style>${styleSheet}</style>`,
    ...content,
    "</svg>",
    "",
  ].join("\n");
}

function heightOf({ bars }: Panel): number {
  return titleHeight + bars.length * rowHeight + margin;
}

function drawPanel({ title, bars }: Panel, x: number, y: number): string {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const drawn = bars.map(({ label, value, text, style }, at) => {
    const top = titleHeight + at * rowHeight;
    const baseline = top + barHeight - 4;
    const length = Math.max(1, (value / most) * barWidth);
    return [
      `<text class="text" fill="#1f2328" x="${labelWidth - 8}" y="${baseline}" text-anchor="end">${xml(label)}</text>`,
      `<rect ${paint[style]} x="${labelWidth}" y="${top}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
      `<text class="text" fill="#1f2328" x="${(labelWidth + length + 6).toFixed(1)}" y="${baseline}">${xml(text)}</text>`,
    ].join("\n");
  });
  return [
    `<g transform="translate(${x} ${y})">`,
    `<text class="text title" fill="#1f2328" font-weight="600" x="0" y="16">${xml(title)}</text>`,
    ...drawn,
    "</g>",
  ].join("\n");
}
