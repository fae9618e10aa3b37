import { type Kv, op, outcomeOf } from "@etcdkit/core";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { bothSay, bridgedProgram, program, textOf } from "./program.js";

describeEachEtcd("writes through a leasing client", (etcd) => {
  const shared = etcd.shared();

  /** The owner of a key, and another program, whose link can be cut. */
  async function ownerAndOther(key: string) {
    const prefix = uniqueKey("leasing");
    const owner = await program(shared, prefix);
    const other = await bridgedProgram(shared, prefix, { ttlSeconds: 20 });
    await owner.kv.put(key, "abc");
    await owner.kv.get(key);
    return {
      owner,
      other,
      async [Symbol.asyncDispose]() {
        await Promise.all([owner[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
      },
    };
  }

  // lease/leasing_test.go:TestLeasingDeleteOwner
  it.concurrent("delete a key for its owner and for others", async () => {
    const key = uniqueKey();
    await using both = await ownerAndOther(key);
    const { owner, other } = both;
    expect((await owner.kv.delete(key)).deleted).toBe(1);
    // C-17: what is deleted counts as none.
    expect(await owner.kv.range(key)).toMatchObject({ kvs: [], count: 0 });
    expect(await owner.local(key)).toBe(true);
    expect(await other.kv.get(key)).toBeUndefined();
    expect((await other.kv.delete(key)).deleted).toBe(0);
    expect(await owner.kv.get(key)).toBeUndefined();
  });

  // lease/leasing_test.go:TestLeasingDeleteNonOwner
  it.concurrent("delete a key that somebody else owns", async () => {
    const key = uniqueKey();
    await using both = await ownerAndOther(key);
    const { owner, other } = both;
    expect((await other.kv.delete(key)).deleted).toBe(1);
    expect(await other.kv.get(key)).toBeUndefined();
    expect(await owner.kv.get(key)).toBeUndefined();
    expect((await other.kv.delete(key)).deleted).toBe(0);
    expect((await owner.kv.delete(key)).deleted).toBe(0);
  });

  // C-15
  it.concurrent("happen once, whoever owns the key", async () => {
    const key = uniqueKey();
    await using both = await ownerAndOther(key);
    const { owner, other } = both;
    await other.kv.put(key, "2"); // a foreign key
    await other.kv.put(key, "3"); // nobody's
    await other.kv.get(key);
    await other.kv.put(key, "4"); // one's own
    expect(await owner.plain.get(key)).toMatchObject({ version: 4n });
    expect((await owner.kv.delete(key, { prevKv: true })).prevKvs).toMatchObject([{ version: 4n }]);
    await owner.kv.put(key, "1");
    expect((await other.kv.delete(key)).deleted).toBe(1); // nobody's
  });

  // C-15, lease/leasing_test.go:TestLeasingOwnerPutResponse
  it.concurrent("are not sent again when nobody knows whether they have happened", async () => {
    const key = uniqueKey();
    await using client = await bridgedProgram(shared, uniqueKey("leasing"));
    await client.kv.put(key, "1");
    await client.kv.get(key);
    for (const [write, version] of [
      [() => client.kv.put(key, "2"), 2n],
      [() => client.kv.txn({ success: [op.put(key, "3")] }), 3n],
      [() => client.kv.put(key, "4"), 4n],
    ] as const) {
      const lost = client.bridge.dropAnswersThenCut({ quietMs: 500 });
      const { error } = await rejection(write);
      await lost;
      expect(error.outcome).toBe("unknown");
      // Memory has forgotten the key, and what it learns anew is the truth.
      expect(await client.kv.get(key)).toMatchObject({ version });
    }
  });

  // lease/leasing_test.go:TestLeasingOwnerPutError, TestLeasingOwnerDeleteError, TestLeasingNonOwnerPutError
  it.concurrent("fail within their time when there is no server", async () => {
    const key = uniqueKey();
    await using both = await ownerAndOther(key);
    const { other } = both;
    const own = uniqueKey();
    await other.kv.get(own);
    await other.down();
    for (const write of [
      () => other.kv.put(own, "v", { timeoutMs: 300 }),
      () => other.kv.delete(own, { timeoutMs: 300 }),
      () => other.kv.put(key, "v", { timeoutMs: 300 }),
      () => other.kv.delete({ prefix: key }, { timeoutMs: 300 }),
      () => other.kv.txn({ success: [op.put(key, "v")] }, { timeoutMs: 300 }),
    ]) {
      const { error, afterMs } = await rejection(write);
      expect(error.code).toBe("DEADLINE");
      expect(afterMs).toBeLessThan(2_000);
    }
  });

  for (const [name, keys] of [
    ["lease/leasing_test.go:TestLeasingOwnerDeletePrefix", (prefix: string) => ({ prefix })],
    [
      "lease/leasing_test.go:TestLeasingOwnerDeleteFrom",
      (prefix: string) => ({ from: prefix, to: `${prefix}~` }),
    ],
  ] as const) {
    it.concurrent(`delete many keys at one revision (${name})`, async () => {
      const [first, second] = [uniqueKey("leasing"), uniqueKey()];
      await using client = await program(shared, first);
      await using other = await program(shared, first);
      for (let i = 0; i < 8; i++) {
        await client.kv.put(`${second}${i}`, "123");
        await (i % 2 === 0 ? client : other).kv.get(`${second}${i}`);
      }
      await using watch = client.watcher.watch({ prefix: second });
      await watch.created;
      expect((await client.kv.delete(keys(second))).deleted).toBe(8);
      for await (const batch of watch) {
        if (batch.kind !== "events") continue;
        expect(batch.events).toHaveLength(8);
        expect(new Set(batch.events.map(({ kv }) => kv?.modRevision)).size).toBe(1);
        break;
      }
      for (let i = 0; i < 8; i++) {
        expect(await client.kv.range(`${second}${i}`)).toMatchObject({ kvs: [], count: 0 });
        expect(await other.kv.get(`${second}${i}`)).toBeUndefined();
      }
      // Owned before, and owned still.
      expect(await client.local(`${second}0`)).toBe(true);
    });
  }

  // lease/leasing_test.go:TestLeasingOwnerDeleteFrom, C-20
  it("ask every owner when they delete from a key on, without an end", async () => {
    await using cluster = await etcd.start();
    const alone = { connect: () => shared.connect({ endpoints: cluster.endpoints }) };
    await using client = await program(alone, "zz/leasing/");
    await using other = await program(alone, "zz/leasing/");
    for (const key of ["a", "k1", "k2", "zz0"]) {
      await other.kv.put(key, "123");
      await other.kv.get(key);
    }
    await using pause = await watchRevocations(other);
    expect((await client.kv.delete({ from: "k", to: "zz/" })).deleted).toBe(2);
    expect((await client.kv.delete({ from: "zz0" })).deleted).toBe(1);
    for (const key of ["k1", "k2", "zz0"]) expect(await other.kv.get(key)).toBeUndefined();
    expect(await other.local("a")).toBe(true);
    expect(await pause.revoked()).toEqual(["k1", "k2", "zz0"]);
  });

  /** The keys whose owner is asked to let go, in order. */
  async function watchRevocations({ watcher }: Awaited<ReturnType<typeof program>>) {
    const watch = watcher.watch({ prefix: "zz/leasing/" }, { events: "puts" });
    await watch.created;
    return {
      async revoked() {
        const names: string[] = [];
        for await (const batch of watch) {
          if (batch.kind !== "events") continue;
          for (const { kv } of batch.events) {
            if (kv?.value.length === 6) names.push(new TextDecoder().decode(kv.key.slice(11)));
          }
          if (names.length >= 3) break;
        }
        return names.sort();
      },
      [Symbol.asyncDispose]: () => watch.close(),
    };
  }

  // lease/leasing_test.go:TestLeasingDeleteRangeBounds, C-16
  it.concurrent("leave those keys in memory that lie beside a range that is deleted", async () => {
    const [prefix, name] = [uniqueKey("leasing"), uniqueKey()];
    await using deleter = await program(shared, prefix);
    await using owner = await program(shared, prefix);
    for (const key of ["j", "m"]) {
      await owner.kv.put(name + key, "123");
      await owner.kv.get(name + key);
    }
    await deleter.kv.get(`${name}k`);
    expect((await deleter.kv.delete({ prefix: `${name}k` })).deleted).toBe(0);
    for (const key of ["j", "m"]) expect(await owner.local(name + key)).toBe(true);
    expect(await deleter.local(`${name}k`)).toBe(true);
    // What is in the range is forgotten when nobody knows what became of it, and nothing else is.
    await deleter.kv.get(`${name}a`);
    const reason = new Error("changed my mind");
    const call = new AbortController();
    const gone = deleter.kv.delete({ prefix: `${name}k` }, { signal: call.signal });
    call.abort(reason);
    await expect(gone).rejects.toBe(reason);
    expect(outcomeOf(reason)).toBeOneOf(["not-applied", "unknown"]);
    expect(await deleter.local(`${name}a`)).toBe(true);
  });

  for (const [name, clear] of [
    [
      "lease/leasing_test.go:TestLeasingDeleteRangeContendTxn",
      (kv: Kv, prefix: string) => kv.txn({ success: [op.delete({ prefix })] }),
    ],
    [
      "lease/leasing_test.go:TestLeaseDeleteRangeContendDel",
      (kv: Kv, prefix: string) => kv.delete({ prefix }),
    ],
  ] as const) {
    it.concurrent(`delete a range that somebody else keeps writing and reading (${name})`, async () => {
      const [prefix, keys] = [uniqueKey("leasing"), uniqueKey()];
      await using deleter = await program(shared, prefix);
      await using writer = await program(shared, prefix);
      const names = Array.from({ length: 8 }, (_, i) => `${keys}${i}`);
      await Promise.all(names.map((key) => deleter.kv.put(key, "123")));
      await Promise.all(names.map((key) => deleter.kv.get(key)));
      let busy = true;
      const contend = async (): Promise<void> => {
        while (busy) {
          for (const key of names) {
            await writer.kv.put(key, "123");
            await writer.kv.get(key);
          }
        }
      };
      const contention = contend();
      for (let round = 0; round < 5; round++) {
        await clear(deleter.kv, keys);
        await Promise.all(names.map((key) => deleter.kv.get(key)));
      }
      busy = false;
      await contention;
      for (const key of names) {
        for (const client of [deleter, writer]) {
          const [memory, server] = await bothSay(client, key);
          expect(memory).toEqual(server);
        }
      }
    }, 180_000);
  }

  // lease/leasing_test.go:TestLeasingPutGetDeleteConcurrent
  it.concurrent("end with no key when many put, read and delete it at once", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    const clients = await Promise.all(Array.from({ length: 16 }, () => program(shared, prefix)));
    await Promise.all(
      clients.map(async ({ kv }) => {
        for (let i = 0; i < 16; i++) {
          await kv.put(key, "123");
          await kv.get(key);
          await kv.delete(key);
        }
      }),
    );
    expect(await clients[0]?.kv.range(key)).toMatchObject({ kvs: [], count: 0 });
    expect(await clients[0]?.plain.get(key)).toBeUndefined();
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  }, 180_000);

  it.concurrent("overlap, by one owner, and memory knows what has come of all of them", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.get(key);
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        client.kv.put(key, `a${round}`),
        client.kv.delete(key),
        client.kv.put(key, `b${round}`),
        client.kv.txn({ success: [op.put(key, `c${round}`)] }),
        client.kv.delete({ prefix: key }),
        client.kv.put(key, `d${round}`),
      ]);
      const [memory, server] = await bothSay(client, key);
      expect(memory).toEqual(server);
    }
    expect(client.kv.stats().hits).toBeGreaterThanOrEqual(10);
  });

  it.concurrent("wait for an owner who has died for as long as its lease lives, and no longer", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await bridgedProgram(shared, prefix, { ttlSeconds: 5 });
    await using writer = await program(shared, prefix);
    await owner.kv.put(key, "abc");
    await owner.kv.get(key);
    await owner.down();
    const { error } = await rejection(() => writer.kv.put(key, "too soon", { timeoutMs: 1_000 }));
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
    await writer.kv.put(key, "def", { timeoutMs: 20_000 });
    expect(await textOf(writer.kv, key)).toBe("def");
    expect(await writer.plain.get(key)).toMatchObject({ version: 2n });
  });
});
