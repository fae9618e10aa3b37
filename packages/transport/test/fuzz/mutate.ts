import type { Random } from "./random.js";

/** Does to bytes what nobody should. Most often nothing, so that deeper states are reached too. */
export function mutate(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0 || !random.oneIn(3)) return bytes;
  const at = random.below(bytes.length);
  const length = random.below(Math.min(bytes.length - at, 40));
  switch (random.below(7)) {
    case 0: // turn a bit
      return replace(bytes, at, Buffer.of((bytes[at] ?? 0) ^ (1 << random.below(8))));
    case 1: // another byte
      return replace(bytes, at, Buffer.of(random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])));
    case 2: // leave some out
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 3: // put some in
      return Buffer.concat([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)]);
    case 4: // say some twice
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 5: // stop early
      return bytes.subarray(0, at);
    default: // move some
      return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  }
}

/** Cuts bytes into chunks as a network might: whole, in a few, or byte by byte. */
export function slices(random: Random, bytes: Buffer): Buffer[] {
  if (random.oneIn(2)) return [bytes];
  const most = random.pick([1, 2, 9, 10, 40, 1_000]);
  // No more chunks than a few dozen, or the rest would take all the time there is.
  const chunks: Buffer[] = [];
  let at = 0;
  while (at < bytes.length && chunks.length < 60) {
    const end = Math.min(bytes.length, at + 1 + random.below(most));
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  if (at < bytes.length) chunks.push(bytes.subarray(at));
  return chunks;
}

function replace(bytes: Buffer, at: number, with_: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(with_, at);
  return copy;
}
