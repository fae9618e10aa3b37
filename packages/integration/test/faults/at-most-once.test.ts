import { type CallOptions, isEtcdError, type Kv, outcomeOf } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd, type SharedCluster } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { type AmbiguousCut, ambiguousCuts, type WriteSize } from "./ambiguous-cuts.js";
import { Tally, type Verdict } from "./tally.js";
import { type CountedWrite, countedWrites, deletesOf, settled } from "./writes.js";

const cutsPerWrite = 200;

interface Struck {
  readonly what: string;
  readonly write: CountedWrite;
  readonly key: string;
  readonly verdict: Verdict;
}

/** Breaks one of two links to the server under the write: over the other one it could easily be repeated. */
async function strike(
  shared: SharedCluster,
  write: CountedWrite,
  cut: AmbiguousCut,
  fraction: number,
  size: WriteSize,
  call?: CallOptions,
): Promise<Struck> {
  const key = uniqueKey(write.name);
  await using bridge = await openBridge(shared.cluster.endpoints[0] ?? "");
  await using spare = await openBridge(shared.cluster.endpoints[0] ?? "");
  await using connection = shared.connect({ endpoints: bridge.endpoint });
  const kv = createKv(connection);
  await write.prepare(kv, key);
  await kv.get(key);
  connection.setEndpoints([bridge.endpoint, spare.endpoint]);
  let verdict: Verdict = "resolved";
  await cut.strike(bridge, size, fraction, async (how) => {
    try {
      await write.run(kv, key, { ...call, ...how });
    } catch (error) {
      if (!isEtcdError(error) && error !== how?.signal?.reason) throw error;
      verdict = outcomeOf(error) ?? "no outcome";
    }
  });
  return { what: `${write.name}, ${cut.name} (${fraction.toFixed(2)})`, write, key, verdict };
}

/** How many bytes the write takes on a link that is up. */
async function measure(shared: SharedCluster, write: CountedWrite): Promise<WriteSize> {
  await using bridge = await openBridge(shared.cluster.endpoints[0] ?? "");
  await using connection = shared.connect({ endpoints: bridge.endpoint });
  const kv = createKv(connection);
  const key = uniqueKey(write.name);
  await write.prepare(kv, key);
  await kv.get(key);
  const before = { toServer: bridge.forwarded("toServer"), toClient: bridge.forwarded("toClient") };
  await write.run(kv, key);
  return {
    toServer: bridge.forwarded("toServer") - before.toServer,
    toClient: bridge.forwarded("toClient") - before.toClient,
  };
}

/** Looks only when all is over: a write that was given up may still be on its way through the server. */
async function count(kv: Kv, struck: readonly Struck[]): Promise<Tally> {
  const tally = new Tally();
  for (const { what, write, key, verdict } of struck) {
    tally.add(what, verdict, await write.applied(kv, key));
  }
  return tally;
}

// The oldest and the newest version only: 600 cuts take their time, and the client decides alone what it repeats.
describeOldestAndNewestEtcd("a write whose link breaks", (etcd) => {
  const shared = etcd.shared();

  // kv_test.go:TestKVPutAtMostOnce
  it(`is applied at most once, and says so (${cutsPerWrite} cuts each of put, delete and txn)`, async () => {
    await using direct = shared.connect();
    const kv = createKv(direct);
    const deletesBefore = await deletesOf(shared.cluster);
    const struck: Struck[] = [];
    for (const write of countedWrites) {
      const size = await measure(shared, write);
      for (const cut of ambiguousCuts) {
        const times = Math.round((cut.share * cutsPerWrite) / 100);
        for (let i = 0; i < times; i++) {
          struck.push(await strike(shared, write, cut, i / (times - 1), size));
        }
      }
    }
    await settled(kv);
    const tally = await count(kv, struck);
    console.log(`at-most-once (etcd ${etcd.version}): ${tally}`);
    expect(tally.faults).toEqual([]);
    // A second delete leaves no trace in its key, but the server has counted it. The one more was for measuring.
    const deletes = struck.filter(({ write }) => write.name === "delete");
    const gone = await Promise.all(deletes.map(({ write, key }) => write.applied(kv, key)));
    const expected = gone.reduce((sum, applied) => sum + applied, 1);
    expect((await deletesOf(shared.cluster)) - deletesBefore).toBe(expected);
    // The cuts are worth something only when they leave both possibilities open.
    expect(tally.appliedNever).toBeGreaterThan(cutsPerWrite / 4);
    expect(tally.appliedOnce).toBeGreaterThan(cutsPerWrite / 4);
    expect(tally.told("unknown")).toBeGreaterThan(cutsPerWrite);
  }, 240_000);

  // The control: where repeating is allowed, the same count finds it.
  it("is applied once more when the caller calls it idempotent", async () => {
    await using direct = shared.connect();
    const kv = createKv(direct);
    // Late enough that the server has surely carried it out: a write that was not, is rightly applied only once.
    const cut: AmbiguousCut = {
      name: "answer lost, then RST",
      share: 0,
      strike: async (bridge, _size, _fraction, send) => {
        await Promise.all([send(), bridge.dropAnswersThenCut({ quietMs: 300 })]);
      },
    };
    const struck: Struck[] = [];
    for (const write of countedWrites.filter(({ name }) => name !== "delete")) {
      const size = await measure(shared, write);
      for (let i = 0; i < 5; i++) {
        struck.push(await strike(shared, write, cut, 0, size, { idempotent: true }));
      }
    }
    await settled(kv);
    const tally = await count(kv, struck);
    expect(tally.appliedMoreOften).toBe(10);
    expect(tally.told("resolved")).toBe(10);
  });
});
