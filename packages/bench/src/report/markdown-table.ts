/** One column: its heading, and whether its cells are numbers, which stand to the right. */
export interface Column {
  readonly title: string;
  readonly numeric?: boolean | undefined;
}

/** A table in Markdown whose columns are padded, so that it can be read in a terminal as well. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) => row.map(escaped));
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]): string => {
    const padded = columns.map(({ numeric }, at) => {
      const [cell, width] = [row[at] ?? "", widths[at] ?? 0];
      return numeric ? cell.padStart(width) : cell.padEnd(width);
    });
    return `| ${padded.join(" | ")} |`;
  };
  const rule = columns.map(({ numeric }, at) => {
    const dashes = "-".repeat((widths[at] ?? 0) - (numeric ? 1 : 0));
    return numeric ? `${dashes}:` : dashes;
  });
  const [head = [], ...body] = cells;
  return [line(head), `| ${rule.join(" | ")} |`, ...body.map(line)].join("\n");
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|").replaceAll("\n", " ");
}
