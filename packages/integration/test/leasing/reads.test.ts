import { type ConnectOptions, op } from "@etcdkit/core";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { bothSay, bridgedProgram, program, textOf } from "./program.js";

// On the newest server only: which member a client is connected to makes no difference between the versions.
describeNewestEtcd("reads through leasing clients of three members", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  // lease/leasing_test.go:TestLeasingPutGet
  it("see what the others have put", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    const at = (i: number) => program(shared, prefix, {}, { endpoints: shared.endpoints[i] ?? "" });
    await using first = await at(0);
    await using second = await at(1);
    await using third = await at(2);
    expect((await first.kv.range(key)).kvs).toEqual([]);
    await first.kv.put(key, "def");
    expect(await textOf(second.kv, key)).toBe("def");
    const read = await third.kv.range(key);
    expect(read.count).toBe(1);
    expect(await textOf(third.kv, key)).toBe("def");
    expect((await third.kv.get(key))?.version).toBe(1n);
    await second.kv.put(key, "ghi");
    expect(await textOf(third.kv, key)).toBe("ghi");
    expect(await textOf(first.kv, key)).toBe("ghi");
  });
});

describeEachEtcd("reads through a leasing client", (etcd) => {
  const shared = etcd.shared();

  const cuttable = () => bridgedProgram(shared, uniqueKey("leasing"), { ttlSeconds: 30 });

  // lease/leasing_test.go:TestLeasingInterval
  it.concurrent("ask the server for every range, also where the prefix itself is in memory", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const prefix = uniqueKey();
    for (const name of ["", "a", "b"]) await client.kv.put(`${prefix}${name}`, "x");
    expect((await client.kv.range({ prefix })).count).toBe(3);
    await client.kv.get(prefix);
    expect(await client.local(prefix)).toBe(true);
    await client.plain.put(`${prefix}c`, "x");
    expect((await client.kv.range({ prefix })).kvs).toHaveLength(4);
    await client.kv.put(`${prefix}a`, "y");
    expect((await client.kv.range({ from: prefix, to: `${prefix}b` })).kvs).toHaveLength(2);
  });

  // lease/leasing_test.go:TestLeasingPutInvalidateNew
  it.concurrent("answer from memory what the server would, after a put of a key that was missing", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    expect(await client.kv.get(key)).toBeUndefined();
    await client.kv.put(key, "v");
    const [memory, server] = await bothSay(client, key);
    expect(memory).toEqual(server);
    expect(await client.local(key)).toBe(true);
  });

  // lease/leasing_test.go:TestLeasingPutInvalidateExisting
  it.concurrent("answer from memory what the server would, after puts of every kind over a key", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    await client.plain.put(key, "before");
    await client.kv.get(key);
    const { id: leaseId } = await client.leases.grant(60);
    const writes = [
      () => client.kv.put(key, "v"),
      () => client.kv.put(key, "w", { prevKv: true }),
      // C-18: the value that is kept is the value that it had.
      () => client.kv.put(key, undefined, { ignoreValue: true }),
      () => client.kv.put(key, "x", { ignoreLease: true }),
      () => client.kv.delete(key),
      () => client.kv.put(key, "again"),
      () => client.kv.txn({ success: [op.put(key, "in a txn"), op.put(`${key}other`, "x")] }),
      () => client.kv.txn({ success: [op.put(key, undefined, { ignoreValue: true })] }),
      () => client.kv.put(key, "with a lease", { leaseId }),
      () => client.kv.put(key, undefined, { ignoreValue: true, leaseId }),
    ];
    for (const write of writes) {
      const { header } = await write();
      const [memory, server] = await bothSay(client, key);
      expect(memory).toEqual(server);
      expect((await client.kv.range(key)).header.revision).toBeGreaterThanOrEqual(header.revision);
    }
    expect(client.kv.stats().hits).toBeGreaterThanOrEqual(8);
  });

  // C-18
  it.concurrent("leave a key to the server from the write on that ties it to a lease", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.get(key);
    const { id: leaseId } = await client.leases.grant(60);
    await client.kv.put(key, "tied", { leaseId });
    expect(await client.local(key)).toBe(false);
    await client.leases.revoke(leaseId);
    expect(await client.kv.get(key)).toBeUndefined();
  });

  // lease/leasing_test.go:TestLeasingGetNoLeaseTTL
  it.concurrent("do not keep a key that is tied to a lease", async () => {
    await using client = await cuttable();
    const key = uniqueKey();
    const { id: leaseId } = await client.leases.grant(60);
    await client.plain.put(key, "v", { leaseId });
    expect(await textOf(client.kv, key)).toBe("v");
    await client.down();
    await expect(client.kv.get(key, { timeoutMs: 500 })).rejects.toMatchObject({ code: "DEADLINE" });
  });

  // lease/leasing_test.go:TestLeasingPrevKey
  it.concurrent("do not change what prevKv tells of a write", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.put(key, "abc");
    await client.kv.get(key);
    const { prevKv } = await client.kv.put(key, "def", { prevKv: true });
    expect(prevKv && new TextDecoder().decode(prevKv.value)).toBe("abc");
  });

  // lease/leasing_test.go:TestLeasingRevGet
  it.concurrent("ask the server for what a key was", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    const { header } = await client.kv.put(key, "old");
    await client.kv.put(key, "new");
    expect(await textOf(client.kv, key)).toBe("new");
    const old = await client.kv.get(key, { revision: header.revision });
    expect(old && new TextDecoder().decode(old.value)).toBe("old");
    expect(await textOf(client.kv, key)).toBe("new");
  });

  // lease/leasing_test.go:TestLeasingGetWithOpts
  it.concurrent("answer without a server whatever can be asked about one key", async () => {
    await using client = await cuttable();
    const key = uniqueKey();
    await client.kv.put(key, "abc");
    const pair = await client.kv.get(key);
    const modRevision = pair?.modRevision ?? 0n;
    const options = [
      { keysOnly: true },
      { limit: 1 },
      { minCreateRevision: 1n },
      { minModRevision: 1n },
      { minModRevision: modRevision + 1n },
      { maxCreateRevision: modRevision },
      { maxModRevision: modRevision - 1n },
      { countOnly: true },
      { sort: { by: "key", order: "descending" } },
      { sort: { by: "value" } },
      { serializable: true },
      { keysOnly: true, limit: 1, serializable: true, minModRevision: 1n },
      { countOnly: true, keysOnly: true, maxModRevision: modRevision - 1n },
    ] as const;
    const answers: unknown[] = [];
    for (const one of options) answers.push({ ...(await client.plain.range(key, one)), header: undefined });
    await client.down();
    for (const [i, one] of options.entries()) {
      expect({ ...(await client.kv.range(key, one)), header: undefined }).toEqual(answers[i]);
    }
  });

  // C-20
  it.concurrent("heed their options, too, when the key turns out to be somebody else's", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await program(shared, prefix);
    const { header } = await owner.kv.put(key, "abc");
    await owner.kv.get(key);
    for (const options of [
      { keysOnly: true },
      { countOnly: true },
      { minModRevision: header.revision + 1n },
    ] as const) {
      await using other = await program(shared, prefix);
      const expected = await owner.plain.range(key, options);
      expect(await other.kv.range(key, options)).toMatchObject({ kvs: expected.kvs, count: 1, more: false });
      expect(other.kv.stats()).toMatchObject({ misses: 1, ownedKeys: 0 });
    }
    expect(await owner.local(key)).toBe(true);
  });

  // lease/leasing_test.go:TestLeasingConcurrentPut
  it.concurrent("come to the newest of many puts at once", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.get(key);
    const puts = await Promise.all(Array.from({ length: 16 }, () => client.kv.put(key, "123")));
    const newest = puts
      .map(({ header }) => header.revision)
      .sort((a, b) => Number(a - b))
      .at(-1);
    expect(await client.kv.get(key)).toMatchObject({ modRevision: newest, version: 16n });
    expect(await client.local(key)).toBe(true);
  });

  // lease/leasing_test.go:TestLeasingDisconnectedGet
  it.concurrent("answer from memory while there is no server", async () => {
    await using client = await cuttable();
    const key = uniqueKey();
    await client.plain.put(key, "abc");
    await client.kv.get(key);
    await client.down();
    expect(await textOf(client.kv, key)).toBe("abc");
  });

  // lease/leasing_test.go:TestLeasingOverwriteResponse
  it.concurrent("give away copies: whoever changes them changes nothing else", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    await client.plain.put(key, "abc");
    for (const local of [false, true, true]) {
      const { hits } = client.kv.stats();
      const read = await client.kv.range(key);
      expect(client.kv.stats().hits - hits).toBe(local ? 1 : 0);
      const pair = read.kvs[0];
      expect(pair && new TextDecoder().decode(pair.value)).toBe("abc");
      expect(read.header.clusterId).not.toBe(0n);
      pair?.key.fill(0x78);
      pair?.value.fill(0x78);
      Object.assign(pair ?? {}, { version: 99n, modRevision: 1n });
      Object.assign(read.header, { revision: 1n, clusterId: 0n });
    }
    expect((await client.kv.range(key)).header.revision).toBeGreaterThan(1n);
  });

  // lease/leasing_test.go:TestLeasingOwnerPutResponse
  it.concurrent("know without a server what the owner's own puts have made of a key", async () => {
    await using client = await cuttable();
    const key = uniqueKey();
    await client.kv.put(key, "abc");
    await client.kv.get(key);
    const { header } = await client.kv.put(key, "def");
    expect(header.revision).toBeGreaterThan(0n);
    await client.down();
    expect(await client.kv.get(key)).toMatchObject({ version: 2n, modRevision: header.revision });
  });

  it.concurrent("never bear an older revision than an answer that came before", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const [key, other] = [uniqueKey(), uniqueKey()];
    await client.kv.get(key);
    await client.plain.put(other, "x");
    const { header } = await client.kv.range({ prefix: other });
    const { hits } = client.kv.stats();
    expect((await client.kv.range(key)).header.revision).toBeGreaterThanOrEqual(header.revision);
    expect(client.kv.stats().hits).toBe(hits + 1);
  });
});

describeEachEtcd("reads through a leasing client of a cluster without a majority", (etcd) => {
  // lease/leasing_test.go:TestLeasingGetSerializable
  it("are answered when they may be stale, and from memory even without any member", async () => {
    await using cluster = await etcd.start({ members: 2 });
    const [first, second] = cluster.members;
    if (first === undefined || second === undefined) throw new Error("expected two members");
    const shared = { connect: (own: Partial<ConnectOptions> = {}) => connectTo(cluster, own) };
    await using client = await program(shared, "leasing/", { ttlSeconds: 60 }, { endpoints: first.endpoint });
    await client.plain.put("cached", "abc");
    await client.plain.put("uncached", "def");
    await client.kv.get("cached");
    await second.kill();
    expect(await client.kv.get("uncached", { serializable: true })).toMatchObject({ version: 1n });
    expect(await client.kv.get("cached", { serializable: true })).toMatchObject({ version: 1n });
    await first.kill();
    expect(await client.kv.get("cached", { serializable: true })).toMatchObject({ version: 1n });
    expect(await textOf(client.kv, "cached")).toBe("abc");
  });
});
