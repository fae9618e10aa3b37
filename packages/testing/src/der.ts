/**
 * The few DER encodings (ITU-T X.690) that a certificate is made of. Only definite lengths and what
 * `certificate-authority.ts` needs.
 */

const universal = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  utf8: 0x0c,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
};

/** Tag, length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  const length = magnitude(BigInt(body.length));
  return Buffer.concat([Uint8Array.of(tag, 0x80 | length.length), length, body]);
}

export const sequence = (...items: readonly Uint8Array[]): Uint8Array =>
  element(universal.sequence, ...items);
export const set = (...items: readonly Uint8Array[]): Uint8Array => element(universal.set, ...items);
export const octets = (content: Uint8Array): Uint8Array => element(universal.octets, content);
export const utf8 = (text: string): Uint8Array => element(universal.utf8, Buffer.from(text));
export const truth: Uint8Array = Uint8Array.of(0x01, 0x01, 0xff);

/** A BIT STRING; `unused` counts the bits of the last byte that do not count. */
export const bits = (content: Uint8Array, unused = 0): Uint8Array =>
  element(universal.bits, Uint8Array.of(unused), content);

/** A number that is not negative. A leading zero keeps the sign bit clear. */
export function integer(value: bigint): Uint8Array {
  const bytes = magnitude(value);
  return element(universal.integer, ...((bytes[0] ?? 0) >= 0x80 ? [Uint8Array.of(0)] : []), bytes);
}

/** An object identifier in its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(universal.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A moment, to the second: UTCTime before 2050, GeneralizedTime from then on (RFC 5280, 4.1.2.5). */
export function time(moment: Date): Uint8Array {
  const digits = `${moment.toISOString().slice(0, 19).replace(/\D/g, "")}Z`;
  const short = moment.getUTCFullYear() < 2050;
  return element(short ? 0x17 : 0x18, Buffer.from(short ? digits.slice(2) : digits));
}

function magnitude(value: bigint): Uint8Array {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function base128(value: number): readonly number[] {
  const digits = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift((rest & 0x7f) | 0x80);
  }
  return digits;
}
