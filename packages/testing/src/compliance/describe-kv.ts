import { describe } from "vitest";
import { describeCalls } from "./calls.js";
import { describeDeletions } from "./deletions.js";
import type { KvSetup } from "./ground.js";
import { describeHistory } from "./history.js";
import { describeRanges } from "./ranges.js";
import { describeReads } from "./reads.js";
import { describeScans } from "./scans.js";
import { describeTransactions } from "./transactions.js";
import { describeWrites } from "./writes.js";

export type { KvFixture } from "./ground.js";

/** What the store under a suite is like. */
export interface KvSuiteOptions {
  /**
   * Whether the suite may drop history of the store. Set it to `false` where other tests read old revisions of the same
   * store meanwhile. Default `true`.
   */
  readonly compaction?: boolean | undefined;
  /** The server's limit of operations in a list of a transaction. Default 128, etcd's own. */
  readonly maxTxnOps?: number | undefined;
}

/**
 * Every sentence that a `Kv` keeps, decorated or not, by each way to say the same thing.
 *
 * Cases use keys of their own, so that the store may be shared and the `Kv` may be the view of a namespace. They need the
 * history of the last few revisions, and a store without quotas or permissions in the way.
 *
 * @param name - What is described, as the subject of a sentence: "kv over etcd 3.6".
 * @param setup - Makes a fixture for one case; it is disposed of when the case ends.
 */
export function describeKv(name: string, setup: KvSetup, options: KvSuiteOptions = {}): void {
  const { compaction = true, maxTxnOps = 128 } = options;
  describe(`${name} behaves as a Kv`, () => {
    describeReads(setup);
    describeRanges(setup);
    describeWrites(setup);
    describeDeletions(setup);
    describeTransactions(setup, maxTxnOps);
    describeHistory(setup, compaction);
    describeScans(setup, compaction);
    describeCalls(setup);
  });
}
