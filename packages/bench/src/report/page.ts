const begin = "<!-- bench:begin -->";
const end = "<!-- bench:end -->";

/**
 * A page whose part between the two marks is replaced.
 *
 * @throws Error when the marks are not there, once and in their order.
 */
export function renewPage(page: string, content: string): string {
  const [before, middle, ...more] = page.split(begin);
  const [, after, ...evenMore] = middle?.split(end) ?? [];
  if (before === undefined || after === undefined || more.length > 0 || evenMore.length > 0) {
    throw new Error(`the page does not have ${begin} and then ${end}, each once`);
  }
  return `${before}${begin}\n\n${content}\n\n${end}${after}`;
}
