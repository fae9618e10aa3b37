import { type CallOptions, kvFrom, type Op, type ResultOf } from "@etcdkit/core";
import { MemoryStore } from "../../../core/test/memory-store.js";
import { describeDeletions } from "./deletions.js";
import type { KvSetup } from "./ground.js";
import { describeHistory } from "./history.js";
import { describeRanges } from "./ranges.js";
import { describeReads } from "./reads.js";
import { describeScans } from "./scans.js";
import { describeTransactions } from "./transactions.js";
import { describeWrites } from "./writes.js";

// The store that unit tests of all packages use in place of etcd is to do with keys what etcd does. How calls are checked
// and ended is not its business.

const setup: KvSetup = async () => {
  const store = new MemoryStore({ leases: new Set() });
  const kv = kvFrom({
    async execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
      call?.signal?.throwIfAborted();
      return store.apply(structuredClone(op));
    },
  });
  return { kv, [Symbol.asyncDispose]: () => Promise.resolve() };
};

describeReads(setup);
describeRanges(setup);
describeWrites(setup);
describeDeletions(setup);
describeTransactions(setup, 128);
describeHistory(setup, true);
describeScans(setup, true);
