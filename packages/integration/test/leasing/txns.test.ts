import { type BranchOp, type Compare, compare, type Kv, op, type TxnResult, utf8 } from "@etcdkit/core";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { bothSay, bridgedProgram, program, textOf } from "./program.js";

describeEachEtcd("transactions through a leasing client", (etcd) => {
  const shared = etcd.shared();
  const cuttable = () => bridgedProgram(shared, uniqueKey("leasing"), { ttlSeconds: 30 });

  // lease/leasing_test.go:TestLeasingTxnOwnerGetRange
  it.concurrent("read ranges at the server", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const prefix = uniqueKey();
    for (let i = 0; i < 5; i++) {
      await client.plain.put(`${prefix}${i}`, "x");
      await client.kv.get(`${prefix}${i}`);
    }
    const result = await client.kv.txn({ success: [op.range({ prefix })] });
    expect(result.responses[0]).toMatchObject({ count: 5 });
  });

  // lease/leasing_test.go:TestLeasingTxnOwnerGet
  it.concurrent("that read and compare what is in memory need no server", async () => {
    await using client = await cuttable();
    const prefix = uniqueKey();
    const pairs: (readonly [key: string, value: string, version: bigint])[] = [];
    let last = 0n;
    for (let i = 0; i < 5; i++) {
      const [key, value] = [`${prefix}${i}`, `v${i}`];
      await client.plain.put(key, "before");
      await client.kv.get(key);
      last = (await client.kv.put(key, value)).header.revision;
      pairs.push([key, value, 2n]);
    }
    await client.down();
    for (let round = 0; round < 50; round++) {
      const chosen = pairs.filter(() => Math.random() < 0.5);
      const holds = Math.random() < 0.5;
      const compares = pairs
        .filter(() => Math.random() < 0.5)
        .map(([key, value]) => compare.value(key).equals(value));
      if (!holds) compares.push(compare.version(pairs[0]?.[0] ?? "").lessThan(2n));
      const gets = chosen.map(([key]) => op.range(key));
      if (compares.length + gets.length === 0) continue;
      const result: TxnResult = await client.kv.txn(
        holds ? { compare: compares, success: gets } : { compare: compares, failure: gets },
      );
      expect(result.succeeded).toBe(holds);
      expect(result.header.revision).toBeGreaterThanOrEqual(last);
      expect(result.responses).toMatchObject(
        chosen.map(([, , version]) => ({ count: 1, more: false, kvs: [{ version }] })),
      );
      const values = result.responses.map((one) =>
        "kvs" in one ? one.kvs.map(({ value }) => utf8(value)) : [],
      );
      expect(values.flat()).toEqual(chosen.map(([, value]) => value));
    }
  });

  // lease/leasing_test.go:TestLeasingTxnOwnerDeleteRange, TestLeasingTxnOwnerDelete
  it.concurrent("that delete take what they delete out of memory's values", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const prefix = uniqueKey();
    for (let i = 0; i < 10; i++) {
      await client.plain.put(`${prefix}${i}`, "x");
      await client.kv.get(`${prefix}${i}`);
    }
    const one = await client.kv.txn({ success: [op.delete(`${prefix}0`)] });
    expect(one.responses).toMatchObject([{ deleted: 1 }]);
    expect(await client.kv.range(`${prefix}0`)).toMatchObject({ kvs: [], count: 0 });
    const all = await client.kv.txn({
      compare: [compare.missing(`${prefix}0`)],
      success: [op.txn({ success: [op.delete({ prefix })] })],
      failure: [op.delete({ prefix: `${prefix}x` })],
    });
    expect(all.responses).toMatchObject([{ responses: [{ deleted: 9 }] }]);
    for (let i = 0; i < 10; i++) {
      const [memory, server] = await bothSay(client, `${prefix}${i}`);
      expect(memory).toEqual(server);
      expect(memory).toMatchObject({ count: 0 });
    }
    expect(client.kv.stats().ownedKeys).toBe(10);
  });

  // lease/leasing_test.go:TestLeasingTxnOwnerIf, C-19
  it.concurrent("compare by the server's rules, without a server", async () => {
    await using client = await cuttable();
    const [key, gone] = [uniqueKey(), uniqueKey("gone")];
    await client.plain.put(key, "abc");
    const { modRevision = 0n } = (await client.kv.get(key)) ?? {};
    await client.kv.get(gone);
    const all: readonly (readonly [Compare, boolean])[] = [
      [compare.value(key).equals("abc"), true],
      [compare.createRevision(key).equals(modRevision), true],
      [compare.modRevision(key).equals(modRevision), true],
      [compare.version(key).equals(1n), true],
      [compare.value(key).greaterThan("abd"), false],
      [compare.createRevision(key).greaterThan(modRevision), false],
      [compare.modRevision(key).greaterThan(modRevision - 1n), true],
      [compare.version(key).greaterThan(1n), false],
      [compare.value(key).lessThan("abcd"), true],
      [compare.createRevision(key).lessThan(modRevision + 1n), true],
      [compare.modRevision(key).lessThan(modRevision), false],
      [compare.version(key).lessThan(2n), true],
      [compare.version(key).notEquals(1n), false],
      [compare.value(key).notEquals("abc"), false],
      [compare.lease(key).equals(0n), true],
      [compare.lease(key).equals(5n), false],
      [compare.value(gone).equals(""), false],
      [compare.value(gone).notEquals("x"), false],
      [compare.version(gone).equals(0n), true],
      [compare.createRevision(gone).greaterThan(0n), false],
      [compare.modRevision(gone).lessThan(1n), true],
      [compare.lease(gone).equals(0n), true],
      [compare.missing(gone), true],
      [compare.exists(gone), false],
    ];
    for (const [one, expected] of all) {
      const server = await client.plain.txn({ compare: [one] });
      expect(server.succeeded).toBe(expected);
    }
    await client.down();
    for (const [one, expected] of all) {
      const memory = await client.kv.txn({
        compare: [one],
        success: [op.range(key)],
        failure: [op.range(gone)],
      });
      expect(memory.succeeded).toBe(expected);
    }
  });

  // lease/leasing_test.go:TestLeasingTxnCancel
  it.concurrent("can be aborted while they wait for an owner that cannot be reached", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await bridgedProgram(shared, prefix, { ttlSeconds: 30 });
    await using other = await program(shared, prefix);
    await owner.plain.put(key, "abc");
    await owner.kv.get(key);
    await owner.down();
    const call = new AbortController();
    await using watch = other.watcher.watch(`${prefix}${key}`);
    await watch.created;
    const writes = [
      other.kv.txn({ success: [op.put(key, "no")] }, { signal: call.signal }),
      other.kv.txn({ success: [op.put(key, "no"), op.put(`${key}2`, "no")] }, { signal: call.signal }),
    ];
    const failed = Promise.allSettled(writes);
    let asked = 0;
    for await (const batch of watch) {
      if (batch.kind === "events") asked += batch.events.length;
      if (asked >= 2) break;
    }
    const reason = new Error("changed my mind");
    call.abort(reason);
    expect((await failed).map((one) => one.status === "rejected" && one.reason)).toEqual([reason, reason]);
    expect(await other.plain.get(key)).toMatchObject({ version: 1n });
    expect(await other.plain.get(`${key}2`)).toBeUndefined();
  });

  // lease/leasing_test.go:TestLeasingTxnNonOwnerPut
  it.concurrent("write what others own at one revision, also in transactions inside", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await program(shared, prefix);
    await using other = await program(shared, prefix);
    for (const name of ["", "1", "2"]) {
      await owner.plain.put(key + name, "x");
      await owner.kv.get(key + name);
    }
    await using watch = other.watcher.watch({ prefix: key });
    await watch.created;
    const result = await other.kv.txn({
      success: [
        op.txn({ success: [op.put(`${key}1`, "12345")] }),
        op.txn({ success: [op.put(`${key}2`, "12345")] }),
        op.put(key, "def"),
      ],
    });
    expect(result.succeeded).toBe(true);
    for await (const batch of watch) {
      if (batch.kind !== "events") continue;
      expect(batch.events.map(({ kv }) => kv?.modRevision)).toEqual(Array(3).fill(result.header.revision));
      break;
    }
    expect(await textOf(owner.kv, key)).toBe("def");
    for (const name of ["1", "2"]) expect(await textOf(owner.kv, key + name)).toBe("12345");
  });

  // lease/leasing_test.go:TestLeasingTxnRandIfThenOrElse
  it.concurrent("of two clients at random leave memory and the server at one", async () => {
    const [prefix, keys] = [uniqueKey("leasing"), uniqueKey()];
    await using first = await program(shared, prefix);
    await using second = await program(shared, prefix);
    const names = Array.from({ length: 8 }, (_, i) => `${keys}${i}`);
    for (const name of names) {
      await first.kv.put(name, "123");
      await (Math.random() < 0.5 ? first : second).kv.get(name);
    }
    const some = <T>(make: (name: string) => T): T[] =>
      names.filter(() => Math.random() < 0.3).map((name) => make(name));
    const randomOps = (): BranchOp[] => {
      const written = new Set<string>();
      return [
        ...some((name) => op.range(name)),
        ...some((name) => {
          written.add(name);
          return op.put(name, String(Math.random()));
        }),
        ...some((name) => (written.has(name) ? op.range(name) : op.delete(name))),
      ];
    };
    const write = async (kv: Kv): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        const compares = some((name) =>
          Math.random() < 0.5 ? compare.exists(name) : compare.version(name).lessThan(3n),
        );
        await kv.txn({ compare: compares, success: randomOps(), failure: randomOps() });
        await kv.get(names[i % 8] ?? "");
      }
    };
    await Promise.all([write(first.kv), write(first.kv), write(second.kv)]);
    for (const name of names) {
      for (const client of [first, second]) {
        const [memory, server] = await bothSay(client, name);
        expect(memory).toEqual(server);
      }
    }
  });

  // lease/leasing_test.go:TestLeasingTxnAtomicCache
  it.concurrent("that read from memory never see half of one that writes", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const prefix = uniqueKey();
    const names = Array.from({ length: 16 }, (_, i) => `${prefix}${i}`);
    const puts = (value: string) => names.map((name) => op.put(name, value));
    await client.kv.txn({ success: puts("first") });
    for (const name of names) await client.kv.get(name);
    let busy = true;
    const write = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) await client.kv.txn({ success: puts(`${i}`) });
    };
    let local = 0;
    const read = async (): Promise<void> => {
      while (busy) {
        const { hits } = client.kv.stats();
        const { responses } = await client.kv.txn({ success: names.map((name) => op.range(name)) });
        const values = responses.flatMap(({ kvs }) => kvs.map(({ value }) => utf8(value)));
        expect(values).toHaveLength(16);
        expect(new Set(values).size).toBe(1);
        local += client.kv.stats().hits - hits;
        await new Promise(setImmediate);
      }
    };
    const reading = [read(), read()];
    await Promise.all([write(), write()]);
    busy = false;
    await Promise.all(reading);
    expect(local).toBeGreaterThan(0);
  });

  // lease/leasing_test.go:TestLeasingTxnRangeCmp
  it.concurrent("compare ranges at the server", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const prefix = uniqueKey();
    await client.kv.put(prefix, "a");
    await client.plain.put(`${prefix}a`, "a");
    await client.plain.put(`${prefix}a`, "a");
    await client.kv.get(prefix);
    const result = await client.kv.txn({
      compare: [compare.version({ prefix }).equals(1n)],
      success: [op.range(prefix)],
    });
    expect(result.succeeded).toBe(false);
  });

  // lease/leasing_test.go:TestLeasingDo
  it.concurrent("and every other op are answered in kind by execute", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const [key, other] = [uniqueKey(), uniqueKey()];
    const txn = await client.kv.execute(op.txn({ success: [op.put(key, "x")], failure: [op.range(key)] }));
    expect(txn).toMatchObject({
      succeeded: true,
      responses: [{ header: { revision: txn.header.revision } }],
    });
    expect(await client.kv.execute(op.range(key))).toMatchObject({ count: 1, kvs: [{ version: 1n }] });
    expect((await client.kv.execute(op.range(key))).count).toBe(1);
    expect((await client.kv.execute(op.put(key, "y"))).header.revision).toBeGreaterThan(txn.header.revision);
    expect(await client.kv.execute(op.delete(key))).toMatchObject({ deleted: 1, prevKvs: [] });
    expect(await client.kv.execute(op.delete({ prefix: other }))).toMatchObject({ deleted: 0 });
    const empty = await client.kv.execute(op.txn({}));
    expect(empty).toMatchObject({ succeeded: true, responses: [] });
    expect(empty.header.revision).toBeGreaterThan(txn.header.revision);
  });

  // lease/leasing_test.go:TestLeasingTxnOwnerPutBranch
  it.concurrent("change in memory exactly what the list that was done has changed", async () => {
    await using client = await cuttable();
    const prefix = uniqueKey();
    // A tree of lists, with a write at each node; every compare chooses one way down.
    const tree = (path: string): BranchOp => {
      const put = op.put(prefix + path, path);
      if (path.length === 4) return op.txn({ success: [put] });
      const choice = Math.random() < 0.5 ? compare.exists(prefix) : compare.missing(prefix);
      return op.txn({
        compare: [choice],
        success: [put, tree(`${path}a`)],
        failure: [put, tree(`${path}b`)],
      });
    };
    await client.kv.put(prefix, "root");
    const names = [""];
    for (const name of names) {
      if (name.length < 4) names.push(`${name}a`, `${name}b`);
      await client.kv.get(prefix + name);
    }
    expect(client.kv.stats().ownedKeys).toBe(31);
    await client.kv.txn({ success: [tree("a")] });
    await client.kv.txn({ success: [tree("b")] });
    const truth = new Map((await client.plain.range({ prefix })).kvs.map((pair) => [utf8(pair.key), pair]));
    expect(truth.size).toBe(9);
    await client.down();
    for (const name of names) expect(await client.kv.get(prefix + name)).toEqual(truth.get(prefix + name));
  });
});
