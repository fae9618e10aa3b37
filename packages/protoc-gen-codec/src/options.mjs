/**
 * @typedef {object} Options
 * @property {readonly string[]} messages Full names of the messages to generate codecs for; what they contain follows.
 * @property {string} runtime Folder of the code that the generated functions call, relative to the output.
 */

/**
 * `message=<full name>`, as often as there are messages, and `runtime=<folder>`.
 *
 * @param {readonly { key: string, value: string }[]} rawOptions
 * @returns {Options}
 */
export function parseOptions(rawOptions) {
  /** @type {string[]} */
  const messages = [];
  let runtime = "";
  for (const { key, value } of rawOptions) {
    if (key === "message") messages.push(value);
    else if (key === "runtime") runtime = value;
    else throw new Error(`${key}: there is no such option`);
  }
  if (messages.length === 0) throw new Error("message: names none");
  if (!(runtime.startsWith("./") || runtime.startsWith("../")))
    throw new Error("runtime: names no relative folder");
  return { messages, runtime };
}
