import { type BytesLike, compareBytes, isBytesLike, toBytes } from "./bytes.js";

/**
 * Many keys: those that begin with `prefix` (the empty prefix: all of them), or those from `from` on, up to but
 * without `to`. Without `to` there is no upper end. Order is that of {@link compareBytes}.
 */
export type KeyRange =
  | { readonly prefix: BytesLike; readonly from?: undefined; readonly to?: undefined }
  | { readonly from: BytesLike; readonly to?: BytesLike | undefined; readonly prefix?: undefined };

/** One key, or many. */
export type KeyOrRange = BytesLike | KeyRange;

/**
 * Keys as etcd's messages name them: without `rangeEnd` the one key `key`, with `rangeEnd` a single zero byte every
 * key from `key` on, else the keys from `key` up to but without `rangeEnd`.
 *
 * Source: etcd's api/etcdserverpb/rpc.proto, RangeRequest.
 */
export interface WireRange {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array | undefined;
}

// The empty key cannot exist and is refused as the start of a range, so a zero byte, the least key there can be,
// stands for "from the beginning"; as an end it stands for "no end". Made anew each time: callers may keep them.
function zeroByte(): Uint8Array {
  return new Uint8Array(1);
}

/**
 * The least key that is greater than every key with the prefix, the exclusive end of its range: the last byte below
 * `ff` is incremented and what follows it is cut. A prefix of nothing but `ff` bytes, and the empty one, have no such
 * key; their end is the zero byte that etcd reads as "no end".
 *
 * @throws `TypeError` when the prefix is neither string nor bytes.
 */
export function prefixEnd(prefix: BytesLike): Uint8Array {
  const end = toBytes(prefix, "prefix");
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i];
    if (byte !== undefined && byte < 0xff) {
      end[i] = byte + 1;
      return end.slice(0, i + 1);
    }
  }
  return zeroByte();
}

/**
 * Turns a key or a range into the form that etcd's messages take. This is the only place that knows that form.
 *
 * An empty single key is passed on: the server refuses it (`EMPTY_KEY`).
 *
 * @param name - What the caller knows the argument by.
 * @throws `TypeError` for anything but a key or a range, a range with both `prefix` and `from`/`to` or with unknown
 * properties; `RangeError` when `to` is not greater than `from`.
 */
export function toWireRange(keys: KeyOrRange, name = "key"): WireRange {
  if (isBytesLike(keys)) return { key: toBytes(keys, name) };
  checkShape(keys, name);
  if (keys.prefix !== undefined) {
    const prefix = toBytes(keys.prefix, `${name}.prefix`);
    return prefix.length === 0
      ? { key: zeroByte(), rangeEnd: zeroByte() }
      : { key: prefix, rangeEnd: prefixEnd(prefix) };
  }
  const from = toBytes(keys.from, `${name}.from`);
  const key = from.length === 0 ? zeroByte() : from;
  if (keys.to === undefined) return { key, rangeEnd: zeroByte() };
  const to = toBytes(keys.to, `${name}.to`);
  // Compared with what is sent, not with what was passed: from "" to "\0" would otherwise read as "everything".
  if (compareBytes(to, key) <= 0) throw new RangeError(`${name}.to must be greater than ${name}.from`);
  return { key, rangeEnd: to };
}

function checkShape(keys: unknown, name: string): void {
  if (typeof keys !== "object" || keys === null || Array.isArray(keys)) {
    throw new TypeError(`${name} must be a string, a Uint8Array or a range ({ prefix } or { from, to })`);
  }
  for (const property of Object.keys(keys)) {
    if (property !== "prefix" && property !== "from" && property !== "to") {
      throw new TypeError(`unknown property "${property}" of ${name}`);
    }
  }
  const { prefix, from, to } = keys as Readonly<Record<string, unknown>>;
  if (prefix === undefined && from === undefined) throw new TypeError(`${name} must have a prefix or a from`);
  if (prefix !== undefined && (from !== undefined || to !== undefined)) {
    throw new TypeError(`${name} must have either a prefix or a from and to, not both`);
  }
}
