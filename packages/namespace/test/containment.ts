import { compareBytes, type Op, type ResultOf, type WireRange } from "@etcdkit/core";

/** Whether a key begins with a prefix and goes on. Written without what is under test. */
export function beginsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length > prefix.length && prefix.every((byte, i) => key[i] === byte);
}

/** The ranges of keys that an op names, wherever it does. */
export function rangesOf(op: Op): readonly WireRange[] {
  switch (op.type) {
    case "range":
    case "put":
    case "delete":
      return [op];
    case "txn":
      return [...op.compare, ...[...op.success, ...op.failure].flatMap(rangesOf)];
    case "compact":
      return [];
  }
}

/**
 * Whether a range means keys with the prefix only. It ends at a key with the prefix, or where the keys with the prefix end:
 * at the prefix counted up as a number in base 256, which has one digit less for each `ff` at its end.
 */
export function isContained({ key, rangeEnd }: WireRange, prefix: Uint8Array): boolean {
  if (!beginsWith(key, prefix)) return false;
  if (rangeEnd === undefined || rangeEnd.length === 0 || beginsWith(rangeEnd, prefix)) return true;
  const digits = [...prefix];
  while (digits.at(-1) === 0xff) digits.pop();
  const end = digits.length === 0 ? [0] : [...digits.slice(0, -1), (digits.at(-1) ?? 0) + 1];
  return compareBytes(rangeEnd, Uint8Array.from(end)) === 0;
}

/** An answer without what differs between two stores of equal content: of headers only the revision is left. */
export function comparable(result: ResultOf<Op>): unknown {
  const { header, ...rest } = result;
  const { revision } = header;
  if (!("responses" in rest)) return { revision, ...rest };
  return { revision, ...rest, responses: rest.responses.map((one: ResultOf<Op>) => comparable(one)) };
}
