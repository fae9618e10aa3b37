import type { KeyValue, RangeResult } from "@etcdkit/core";
import { KeyMap } from "./key-map.js";

/** What some keys were at one revision. */
export interface Snapshot {
  readonly revision: bigint;
  /** `undefined` for a key that did not exist. */
  readonly pairs: KeyMap<KeyValue | undefined>;
}

/** Puts the answers to reads of single keys, made at one revision, beside their keys. */
export function snapshotOf(
  revision: bigint,
  keys: readonly Uint8Array[],
  answers: readonly RangeResult[],
): Snapshot {
  const pairs = new KeyMap<KeyValue | undefined>();
  keys.forEach((key, i) => {
    pairs.set(key, answers[i]?.kvs[0]);
  });
  return { revision, pairs };
}
