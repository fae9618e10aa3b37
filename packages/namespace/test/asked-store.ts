import { type CallOptions, type KeyValue, type Kv, kvFrom, type Op, type ResultOf } from "@etcdkit/core";
import { MemoryStore } from "../../core/test/memory-store.js";

/** A store in memory that shows whether a decorator asks for the right keys. */
export interface AskedStore {
  readonly kv: Kv;
  /** Every pair, in the order of keys. */
  readonly pairs: readonly KeyValue[];
  /** Every op that arrived, as it arrived. */
  readonly asked: Op[];
}

/** @param revision - Where the revisions of the store begin. */
export function createAskedStore(revision?: bigint): AskedStore {
  const store = new MemoryStore({ revision });
  const asked: Op[] = [];
  return {
    kv: kvFrom({
      async execute<O extends Op>(op: O, _call?: CallOptions): Promise<ResultOf<O>> {
        asked.push(op);
        return store.apply(op);
      },
      async *stream(op) {
        asked.push(op);
        const whole = store.apply(op);
        for (const pair of whole.kvs) yield { ...whole, kvs: [pair] };
      },
    }),
    get pairs() {
      return store.pairs;
    },
    asked,
  };
}
