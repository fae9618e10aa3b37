import { xml } from "../report/xml.js";
import type { CallTree } from "./cpu-profile.js";

const width = 1200;
const rowHeight = 18;
const headHeight = 40;
const characterWidth = 6.6;
// What is narrower cannot be seen, and there is a lot of it.
const narrowest = 0.4;

/** Colours by whose code it is. The first that fits counts. */
const owners: readonly { readonly title: string; readonly place: RegExp; readonly fill: string }[] = [
  { title: "transport", place: /^transport\//, fill: "#f0883e" },
  { title: "core and services", place: /^(?:core|kv|etcdkit|lease|watch)\//, fill: "#d4a72c" },
  { title: "bench", place: /^bench\//, fill: "#a5b4c4" },
  { title: "Node", place: /^node:/, fill: "#7ee787" },
  { title: "other packages", place: /./, fill: "#79c0ff" },
  { title: "V8 and native code", place: /^$/, fill: "#d2a8ff" },
];

interface Box {
  readonly tree: CallTree;
  readonly x: number;
  readonly depth: number;
}

/** Draws a call tree as an SVG document: callers below, each as wide as the time in it; the pointer tells more. */
export function flameGraph(title: string, tree: CallTree): string {
  const boxes: Box[] = [];
  const scale = width / tree.totalUs;
  const place = (node: CallTree, x: number, depth: number): void => {
    boxes.push({ tree: node, x, depth });
    let left = x;
    for (const child of node.children) {
      const wide = child.totalUs * scale;
      if (wide >= narrowest) place(child, left, depth + 1);
      left += wide;
    }
  };
  place(tree, 0, 0);
  const deepest = Math.max(...boxes.map(({ depth }) => depth));
  const height = headHeight + (deepest + 1) * rowHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, monospace" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="4" y="15" font-size="13" font-weight="600">${xml(title)}</text>`,
    ...legend(),
    ...boxes.map((box) => draw(box, tree.totalUs, height - (box.depth + 1) * rowHeight)),
    "</svg>",
    "",
  ].join("\n");
}

function draw({ tree, x }: Box, allUs: number, y: number): string {
  const wide = (tree.totalUs / allUs) * width;
  const share = (us: number): string => `${((us / allUs) * 100).toFixed(1)} %`;
  const told = `${tree.name} ${tree.place}\n${share(tree.totalUs)}, itself ${share(tree.selfUs)}`;
  const room = Math.floor((wide - 6) / characterWidth);
  const label =
    room < 3 ? "" : `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${xml(tree.name.slice(0, room))}</text>`;
  return `<g><title>${xml(told)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="${fillOf(tree)}" rx="1"/>${label}</g>`;
}

function fillOf({ place }: CallTree): string {
  return owners.find((owner) => owner.place.test(place))?.fill ?? "#d0d7de";
}

function legend(): readonly string[] {
  return owners.map(
    ({ title, fill }, at) =>
      `<rect x="${4 + at * 170}" y="22" width="10" height="10" fill="${fill}"/><text x="${18 + at * 170}" y="31">${xml(title)}</text>`,
  );
}
