import { styleText } from "node:util";

// Colour goes to terminals only, and not where NO_COLOR is set: `styleText` looks at both.
const code = (text: string): string => styleText("cyan", text);
const dim = (text: string): string => styleText("dim", text);

/** A paragraph in words. */
export function say(text: string): void {
  console.log(`\n${text}`);
}

/**
 * Runs one step and shows it: a sentence, its code, its result. The code shown is that of `call` itself, so it cannot
 * differ from what was run.
 *
 * @param call - An arrow function without a block.
 * @param describe - Puts the result, or what was rejected with, into words; a line each.
 */
export async function step<T>(
  title: string,
  call: () => Promise<T>,
  describe: (result: T) => string | readonly string[],
): Promise<T> {
  console.log(`\n${title}`);
  console.log(indented(code(sourceOf(call))));
  const result = await call();
  for (const line of [describe(result)].flat()) console.log(`    ${dim("→")} ${line}`);
  return result;
}

function sourceOf(call: () => unknown): string {
  const lines = call
    .toString()
    .replace(/^(?:async )?\(\) => (?:await )?/, "")
    .split("\n");
  // What follows the first line keeps the indentation of the file that it is from.
  const margin = Math.min(...lines.slice(1).map((line) => line.length - line.trimStart().length));
  return lines.map((line, i) => (i === 0 ? line : line.slice(margin))).join("\n");
}

function indented(text: string): string {
  return text.replace(/^/gm, "    ");
}
