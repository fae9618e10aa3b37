import {
  type BranchOp,
  compareBytes,
  concatBytes,
  type Event,
  type Kv,
  kvFrom,
  type Op,
  type Watch,
  type Watcher,
} from "@etcdkit/core";
import { namespaceKv, namespaceWatcher } from "@etcdkit/namespace";
import { createWatcher } from "@etcdkit/watch";
import fc from "fast-check";
import { expect, it } from "vitest";
import { arbitraryKey, arbitraryOp, arbitraryPrefix } from "../../../namespace/test/arbitrary-op.js";
import { beginsWith, comparable, isContained, rangesOf } from "../../../namespace/test/containment.js";
import { type Store, sharedStore } from "../kv/store.js";
import { describeEachEtcd } from "../support/each-etcd.js";

const seed = 20_261_120;
const runs = 60;
const arbitraryStart = 1_000n;
const everything = { from: "\0" };
const padding = Uint8Array.of(0x70);

// Two servers are brought to one revision before each run: one gets random requests through a namespace and has keys of
// others all around, one has nothing but what the same requests make of it. All they answer has to be the same.
describeEachEtcd("random requests to a namespace of a crowded server", (etcd) => {
  const crowded = sharedStore(etcd);
  const empty = sharedStore(etcd);

  it("are answered as by a server of its own, and never mean a key outside", async () => {
    const seen = { ops: 0, refused: 0, ranges: 0, keys: 0, foreign: 0, events: 0, nested: 0 };
    let outside = 0;
    await using watcher = createWatcher(crowded.connection);
    await using plainWatcher = createWatcher(empty.connection);
    const cases = fc.record({
      prefixes: fc.array(arbitraryPrefix, { minLength: 1, maxLength: 2 }),
      foreign: fc.array(arbitraryKey, { maxLength: 6 }),
      ops: fc.array(arbitraryOp(arbitraryStart), { minLength: 1, maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ prefixes, foreign, ops }) => {
        const prefix = concatBytes(...prefixes);
        const start = await align(crowded, empty, prefix, foreign);
        const untouched = (await crowded.kv.range(everything)).kvs;
        const asked: Op[] = [];
        const kv = prefixes.reduce((inner, one) => namespaceKv(inner, one), noting(crowded.kv, asked));
        const ownWatcher = prefixes.reduce<Watcher>((inner, one) => namespaceWatcher(inner, one), watcher);

        for (const op of ops.map((one) => moved(one, start))) {
          const own = inNamespace(op, prefix);
          const [answer, expected] = await Promise.all([outcome(kv, op), outcome(empty.kv, own)]);
          expect(answer).toEqual(expected);
          if (typeof answer === "string") seen.refused++;
        }

        const ranges = asked.flatMap(rangesOf);
        outside += ranges.filter((range) => !isContained(range, prefix)).length;
        expect(outside).toBe(0);
        const found = (await crowded.kv.range(everything)).kvs;
        expect(found.filter(({ key }) => !beginsWith(key, prefix))).toEqual(untouched);
        const inside = await kv.range({ prefix: "" });
        expect(inside.kvs).toEqual((await empty.kv.range(everything)).kvs);
        expect(await scanned(kv)).toEqual(inside.kvs);
        const events = await eventsSince(ownWatcher, kv, start);
        expect(events).toEqual(await eventsSince(plainWatcher, empty.kv, start));
        seen.ops += ops.length;
        seen.ranges += ranges.length;
        seen.keys += inside.kvs.length;
        seen.foreign += untouched.length;
        seen.events += events.length;
        seen.nested += prefixes.length - 1;
      }),
      { seed, numRuns: runs, endOnFailure: true },
    );
    console.log(`namespace over etcd ${etcd.version}:`, { runs, ...seen, outside });
    const { refused, ...counts } = seen;
    expect(refused).toBeGreaterThan(0);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(runs / 5);
  }, 180_000);
});

/** Gives the crowded store its foreign keys, empties the other one, and brings both to one revision. */
async function align(
  crowded: Store,
  empty: Store,
  prefix: Uint8Array,
  foreign: readonly Uint8Array[],
): Promise<bigint> {
  await crowded.clear();
  for (const key of [prefix, ...foreign]) {
    if (!beginsWith(key, prefix)) await crowded.kv.put(key, "foreign");
  }
  // The bare prefix is always there, to be written again for as long as the crowded store is behind.
  const next = async (): Promise<bigint> => (await crowded.kv.put(prefix, "foreign")).header.revision;
  let ahead = await next();
  await empty.kv.put(padding, "");
  let behind = (await empty.kv.delete(everything)).header.revision;
  while (behind > ahead || behind === ahead - 1n) ahead = await next();
  while (behind < ahead) {
    // All but the last revision write; the last one deletes what was written.
    const last = behind === ahead - 1n;
    const { header } = last ? await empty.kv.delete(everything) : await empty.kv.put(padding, "");
    behind = header.revision;
  }
  return behind;
}

/** Puts the revisions of a random op, which are about `arbitraryStart`, where the stores are. */
function moved(op: Op, start: bigint): Op {
  const by = start - arbitraryStart;
  const near = (revision: bigint | undefined): bigint | undefined => revision && revision + by;
  switch (op.type) {
    case "range":
      return {
        ...op,
        minModRevision: near(op.minModRevision),
        maxCreateRevision: near(op.maxCreateRevision),
      };
    case "txn":
      return {
        ...op,
        compare: op.compare.map((one) =>
          one.target === "modRevision" || one.target === "createRevision"
            ? { ...one, operand: one.operand + by }
            : one,
        ),
        success: op.success.map((one) => moved(one, start) as BranchOp),
        failure: op.failure.map((one) => moved(one, start) as BranchOp),
      };
    default:
      return op;
  }
}

/**
 * Servers do not see that a transaction writes a key twice when it deletes all keys from one on, so that the range has no
 * end. In a namespace it has one, unless the prefix is nothing but `ff`.
 */
function inNamespace(op: Op, prefix: Uint8Array): Op {
  return prefix.every((byte) => byte === 0xff) ? op : closed(op);
}

function closed<O extends Op>(op: O): O {
  if (op.type === "txn") return { ...op, success: op.success.map(closed), failure: op.failure.map(closed) };
  const open = op.type === "delete" && op.rangeEnd?.length === 1 && op.rangeEnd[0] === 0;
  return open ? { ...op, rangeEnd: new Uint8Array(8).fill(0xff) } : op;
}

/** What an op was answered or refused with. */
async function outcome(kv: Kv, op: Op): Promise<unknown> {
  return await kv.execute(op).then(comparable, (error: { readonly code: string }) => error.code);
}

function noting(kv: Kv, asked: Op[]): Kv {
  const { stream } = kv;
  return kvFrom({
    execute(op, call) {
      asked.push(op);
      return kv.execute(op, call);
    },
    ...(stream !== undefined && {
      stream(op, call) {
        asked.push(op);
        return stream(op, call);
      },
    }),
  });
}

async function scanned(kv: Kv): Promise<readonly unknown[]> {
  const pages = await Array.fromAsync(kv.scan({ prefix: "" }, { pageSize: 2 }));
  return pages.flat();
}

/** Everything that happened after a revision, up to a write made now. */
async function eventsSince(watcher: Watcher, kv: Kv, revision: bigint): Promise<readonly Event[]> {
  await using watch: Watch = watcher.watch(everything, { startRevision: revision + 1n, prevKv: true });
  const last = Uint8Array.of(0x7f);
  await kv.put(last, "last");
  const events: Event[] = [];
  for await (const batch of watch) {
    if (batch.kind === "events") events.push(...batch.events);
    const { key } = events.at(-1)?.kv ?? {};
    if (key !== undefined && compareBytes(key, last) === 0) break;
  }
  return events;
}
