import { gunzipSync } from "node:zlib";

/** Puts a message on the wire: a byte that says "not compressed", the length, the message. */
export function frameMessage(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Takes messages off the wire, in whatever chunks they come. Compressed ones may only be gzip. */
export function createUnframer(): (chunk: Buffer) => readonly Uint8Array[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Uint8Array[] = [];
    while (true) {
      const end = rest.length < 5 ? Number.POSITIVE_INFINITY : 5 + rest.readUInt32BE(1);
      if (rest.length < end) return messages;
      const content = rest.subarray(5, end);
      messages.push(Uint8Array.from(rest[0] === 0 ? content : gunzipSync(content)));
      rest = rest.subarray(end);
    }
  };
}

/** A status message as a header value: everything but printable ASCII, and the percent sign, is percent-encoded. */
export function encodeStatusMessage(message: string): string {
  return Array.from(Buffer.from(message), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}
