import { createClient } from "@connectrpc/connect";
import type { Event, KeyRange, WatchBatch } from "@etcdkit/core";
import { Watch } from "@etcdkit/core/protocol";
import { toWireRange } from "@etcdkit/core/spi";
import type { EtcdCluster } from "@etcdkit/testing";

/** What happened to keys, in order: the truth that watches are compared with. */
export type Journal = readonly Event[];

/**
 * Reads what happened to keys, from the first revision on up to one that wrote a key of theirs, by a plain watch behind the
 * client's back: another transport, straight to the first member that runs, nothing resumed.
 */
export async function readJournal(cluster: EtcdCluster, keys: KeyRange, upTo: bigint): Promise<Journal> {
  await using admin = await cluster.openAdmin();
  const { key, rangeEnd = new Uint8Array() } = toWireRange(keys);
  const done = new AbortController();
  async function* requests() {
    yield { requestUnion: { case: "createRequest" as const, value: { key, rangeEnd, startRevision: 1n } } };
    await new Promise<void>((resolve) => done.signal.addEventListener("abort", () => resolve()));
  }
  const journal: Event[] = [];
  try {
    for await (const { events, canceled, cancelReason } of createClient(Watch, admin.transport).watch(
      requests(),
    )) {
      if (canceled) throw new Error(`the journal cannot be read: ${cancelReason || "compacted"}`);
      journal.push(...events);
      if ((journal.at(-1)?.kv?.modRevision ?? 0n) >= upTo) return journal;
    }
  } finally {
    done.abort();
  }
  throw new Error(`the journal ends before revision ${upTo}`);
}

/** How what a watch delivered differs from the journal; all zero when it does not. */
export interface Differences {
  /** Events of the journal that were not delivered. */
  readonly lost: number;
  /** Deliveries of events that were delivered before. */
  readonly duplicated: number;
  /** Deliveries of events that come before the one delivered just before them. */
  readonly reordered: number;
  /** Revisions whose events came in more than one batch. */
  readonly split: number;
  /** Deliveries of events that the journal does not have. */
  readonly foreign: number;
}

/** No difference. */
export const none: Differences = { lost: 0, duplicated: 0, reordered: 0, split: 0, foreign: 0 };

/**
 * Compares what a watch delivered with the journal.
 *
 * @param after - The revision after which the watch was to begin.
 */
export function compareWithJournal(
  journal: Journal,
  batches: readonly WatchBatch[],
  after: bigint,
): Differences {
  const expected = journal.filter(({ kv }) => (kv?.modRevision ?? 0n) > after);
  const positions = new Map(expected.map((event, position) => [identityOf(event), position]));
  const delivered = new Set<number>();
  const batchesOf = new Map<bigint, Set<WatchBatch>>();
  let duplicated = 0;
  let reordered = 0;
  let foreign = 0;
  let previous = -1;
  for (const batch of batches) {
    if (batch.kind !== "events") continue;
    for (const event of batch.events) {
      const position = positions.get(identityOf(event));
      if (position === undefined) {
        foreign += 1;
        continue;
      }
      if (delivered.has(position)) duplicated += 1;
      else if (position < previous) reordered += 1;
      delivered.add(position);
      previous = position;
      const revision = event.kv?.modRevision ?? 0n;
      const inBatches = batchesOf.get(revision) ?? new Set();
      batchesOf.set(revision, inBatches.add(batch));
    }
  }
  const split = [...batchesOf.values()].filter((inBatches) => inBatches.size > 1).length;
  return { lost: expected.length - delivered.size, duplicated, reordered, split, foreign };
}

/** Adds up the differences of several watches. */
export function sum(all: readonly Differences[]): Differences {
  return all.reduce(
    (total, one) => ({
      lost: total.lost + one.lost,
      duplicated: total.duplicated + one.duplicated,
      reordered: total.reordered + one.reordered,
      split: total.split + one.split,
      foreign: total.foreign + one.foreign,
    }),
    none,
  );
}

/** An event has a revision, a kind and a key; no revision changes a key twice. */
function identityOf({ type, kv }: Event): string {
  return `${kv?.modRevision} ${type} ${Buffer.from(kv?.key ?? []).toString("hex")}`;
}
