/** @import { DescFile, DescMessage } from "@bufbuild/protobuf" */

/**
 * The named messages and all that they contain, in the order of their files.
 *
 * @param {readonly string[]} names
 * @param {readonly DescFile[]} files
 * @returns {readonly DescMessage[]}
 */
export function closureOf(names, files) {
  const messages = files.flatMap((file) => file.messages);
  /** @type {Set<DescMessage>} */
  const closure = new Set();
  /** @param {DescMessage} message */
  const add = (message) => {
    if (closure.has(message)) return;
    closure.add(message);
    for (const field of message.fields) {
      if (field.message !== undefined) add(field.message);
    }
  };
  for (const name of names) {
    const message = messages.find(({ typeName }) => typeName === name);
    if (message === undefined) throw new Error(`message: there is no ${name}`);
    add(message);
  }
  return messages.filter((message) => closure.has(message));
}
