import { compare, op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { sharedStore, textAt } from "./store.js";

// The cases follow one another: the last one takes the quorum away.
describeEachEtcd("a cluster of three", (etcd) => {
  const store = sharedStore(etcd, { members: 3 });

  it("answers a read as of one revision alike from every member", async () => {
    const { kv } = store;
    const prefix = uniqueKey();
    for (const name of ["a", "b", "a"]) await kv.put(prefix + name, name);
    const { header, kvs } = await kv.range({ prefix });
    await kv.txn({ compare: [compare.exists(`${prefix}a`)], success: [op.delete({ prefix })] });
    for (const { endpoint } of store.cluster.members) {
      await using connection = store.connect({ endpoints: endpoint });
      const answer = await createKv(connection).range({ prefix }, { revision: header.revision });
      expect(answer.kvs).toEqual(kvs);
    }
  });

  // integration/txn_range_consistency_test.go:TestTxnRangeRequestConsistency
  const agree = etcd.has("consistent-txn-reads");
  it(`refuses a transaction with a read that cannot be done, ${agree ? "on every member" : "on one member alone, and never says that nothing was written"}`, async () => {
    await using cluster = await etcd.start({ members: 3 });
    await using asked = connectTo(cluster, { endpoints: cluster.endpoints.slice(0, 1) });
    const kv = createKv(asked);
    const [key, absent] = [uniqueKey(), uniqueKey("should-not-exist")];
    const { header } = await kv.put(key, "val");
    await kv.compact(header.revision);
    const refused = kv.txn({
      success: [op.range(key, { revision: header.revision - 1n }), op.put(absent, "inconsistent")],
    });
    await expect(refused).rejects.toMatchObject({ code: "COMPACTED", outcome: "unknown" });
    const found: boolean[] = [];
    for (const endpoint of cluster.endpoints) {
      await using connection = connectTo(cluster, { endpoints: endpoint });
      found.push((await createKv(connection).get(absent)) !== undefined);
    }
    expect(found).toEqual(agree ? [false, false, false] : [false, true, true]);
  });

  // integration/v3_grpc_test.go:TestV3PutRestart
  it("takes writes through the other members after one was restarted", async () => {
    const [first, second] = store.cluster.members;
    expect(first).toBeDefined();
    expect(second).toBeDefined();
    if (first === undefined || second === undefined) return;
    await using connection = store.connect({ endpoints: first.endpoint });
    await connection.ready();
    await second.restart();
    const key = uniqueKey();
    await createKv(connection).put(key, "bar");
    await using restarted = store.connect({ endpoints: second.endpoint });
    await expect(textAt(createKv(restarted), key)).resolves.toBe("bar");
  });

  // common/kv_test.go:TestKVGetNoQuorum
  it("without a quorum still answers serializable reads, and lets others run into their deadline", async () => {
    const [first, second, third] = store.cluster.members;
    expect(third).toBeDefined();
    if (first === undefined || second === undefined || third === undefined) return;
    const key = uniqueKey();
    await store.kv.put(key, "bar");
    await using connection = store.connect({ endpoints: third.endpoint });
    const kv = createKv(connection);
    await expect
      .poll(async () => (await kv.get(key, { serializable: true }))?.version, { timeout: 15_000 })
      .toBe(1n);
    await Promise.all([first.stop(), second.stop()]);
    await expect(kv.get(key, { serializable: true })).resolves.toMatchObject({ version: 1n });
    const started = performance.now();
    await expect(kv.get(key, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: "DEADLINE",
      message: expect.stringContaining(third.endpoint),
    });
    // A member alone says so by itself after 7 s.
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
