import { setTimeout as delay } from "node:timers/promises";
import { type CallOptions, compare, op } from "@etcdkit/core";
import type { Bridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { bothSay, bridgedProgram, program, textOf } from "./program.js";

/**
 * Cuts all links of a bridge again and again, until told to stop. Ever more seldom, so that the client comes to do something in
 * between: after some cuts it waits longer and longer before it dials again, and a slow machine takes its time.
 */
function choppy(bridge: Bridge): () => Promise<void> {
  let on = true;
  const chop = async (): Promise<void> => {
    for (let cuts = 0; on; cuts++) {
      bridge.cut();
      await delay((100 + 200 * Math.random()) * (1 + cuts / 5));
    }
  };
  const chopping = chop();
  return async () => {
    on = false;
    await chopping;
  };
}

describeEachEtcd("a leasing client whose link breaks", (etcd) => {
  const shared = etcd.shared();

  // lease/leasing_test.go:TestLeasingReconnectOwnerRevoke
  it.concurrent("lets go of a key that somebody else writes, over many broken links, and then reads what was written", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await bridgedProgram(shared, prefix);
    await using other = await program(shared, prefix);
    await owner.kv.put(key, "0");
    for (let round = 1; round <= 2; round++) {
      const keys = [`${key}${round}a`, `${key}${round}b`];
      for (const name of keys) await owner.kv.get(name);
      const stop = choppy(owner.bridge);
      for (const name of keys) await other.kv.put(name, `v${round}`, { timeoutMs: 25_000 });
      await stop();
      for (const name of keys) expect(await textOf(owner.kv, name)).toBe(`v${round}`);
    }
  }, 180_000);

  // lease/leasing_test.go:TestLeasingReconnectOwnerRevokeCompact
  it("lets go of a key also when it could not see that it was asked to, since the history is gone", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await bridgedProgram(shared, prefix, { ttlSeconds: 30 });
    await using other = await program(shared, prefix);
    for (const name of ["asked", "kept", "given up"]) await owner.kv.get(key + name);
    await owner.down();
    const asked = other.kv.put(`${key}asked`, "new", { timeoutMs: 20_000 });
    // Somebody deletes a leasing key, past all rules, and then the history of it all is dropped.
    const { header } = await other.plain.delete(`${prefix}${key}given up`);
    await other.plain.put(`${key}given up`, "new");
    const watch = other.watcher.watch(`${prefix}${key}asked`, {
      startRevision: header.revision - 2n,
      events: "puts",
    });
    for await (const batch of watch) if (batch.kind === "events") break;
    await watch.close();
    await other.plain.put(key, "x");
    const { revision } = (await other.plain.put(key, "y")).header;
    await other.plain.compact(revision);
    await owner.bridge.pass();
    await asked;
    expect(await textOf(owner.kv, `${key}asked`)).toBe("new");
    expect(await textOf(owner.kv, `${key}given up`)).toBe("new");
    // What nobody asked for has stayed.
    expect(await owner.local(`${key}kept`)).toBe(true);
  });

  // lease/leasing_test.go:TestLeasingReconnectOwnerConsistency
  it.concurrent("agrees with the server after any op that a broken link met", async () => {
    const key = uniqueKey();
    await using client = await bridgedProgram(shared, uniqueKey("leasing"));
    await client.kv.put(`${key}k`, "x");
    for (let round = 0; round < 5; round++) {
      const names = [`${key}k`, `${key}k2`];
      for (const name of names) await client.kv.get(name);
      const call: CallOptions = { timeoutMs: 5_000 };
      const [first = ""] = names;
      const attempts = [
        () => client.kv.put(first, `v${round}`, call),
        () => client.kv.delete(first, call),
        () => client.kv.txn({ compare: [compare.exists(first)], success: [op.delete(first)] }, call),
        () => client.kv.delete({ prefix: first }, call),
        () => client.kv.txn({ success: names.map((name) => op.put(name, `v${round}`)) }, call),
      ];
      const attempt = attempts[round % attempts.length];
      const doing = Promise.allSettled([attempt?.(), attempt?.(), attempt?.()]);
      client.bridge.cut();
      for (const one of await doing) {
        if (one.status === "rejected") expect(one.reason).toMatchObject({ outcome: expect.any(String) });
      }
      for (const name of names) {
        const [memory, server] = await bothSay(client, name);
        expect(memory).toEqual(server);
        const [again] = await bothSay(client, name);
        expect(again).toEqual(server);
      }
    }
  });

  // lease/leasing_test.go:TestLeasingReconnectTxn
  it.concurrent("carries out a transaction whose compare holds, over broken links", async () => {
    const key = uniqueKey();
    await using client = await bridgedProgram(shared, uniqueKey("leasing"));
    await client.kv.get(key);
    const stop = choppy(client.bridge);
    const result = await client.kv.txn({
      compare: [compare.version(key).equals(0n)],
      success: [op.range(key)],
    });
    await stop();
    expect(result.succeeded).toBe(true);
    expect(await client.kv.get(key)).toBeUndefined();
  });

  // lease/leasing_test.go:TestLeasingReconnectNonOwnerGet
  it.concurrent("reads what others own over broken links, and agrees with them", async () => {
    const [prefix, keys] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await bridgedProgram(shared, prefix);
    await using owner = await program(shared, prefix);
    const stop = choppy(client.bridge);
    const names = Array.from({ length: 10 }, (_, i) => `${keys}${i}`);
    for (const name of names) {
      await owner.kv.put(name, "v");
      await owner.kv.get(name);
      expect(await textOf(client.kv, name)).toBe("v");
    }
    await stop();
    for (const name of names) {
      for (const one of [client, owner]) {
        const [memory, server] = await bothSay(one, name);
        expect(memory).toEqual(server);
      }
      expect(await owner.local(name)).toBe(true);
    }
  }, 180_000);

  // etcd issue 8372
  it.concurrent("still comes to own a key when the answer to its acquisition is lost", async () => {
    const key = uniqueKey();
    await using client = await bridgedProgram(shared, uniqueKey("leasing"));
    await client.plain.put(key, "abc");
    const lost = client.bridge.dropAnswersThenCut();
    expect(await textOf(client.kv, key)).toBe("abc");
    await lost;
    expect(await client.local(key)).toBe(true);
  });

  // lease/leasing_test.go:TestLeasingSessionExpire
  it.concurrent("reads anew what it owned when it was cut off past its lease, and others could write meanwhile", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using owner = await bridgedProgram(shared, prefix, { ttlSeconds: 5 });
    await using other = await program(shared, prefix);
    await owner.kv.put(key, "abc");
    await owner.kv.get(key);
    await owner.down();
    expect(await owner.local(key)).toBe(true);
    await other.kv.put(key, "def", { timeoutMs: 20_000 });
    // The moment others could write, nothing is served from memory any more.
    expect(owner.kv.stats().ownedKeys).toBe(0);
    await expect(owner.kv.get(key, { timeoutMs: 100 })).rejects.toMatchObject({ code: "DEADLINE" });
    await owner.bridge.pass();
    expect(await textOf(owner.kv, key)).toBe("def");
    // The next lease is as good as the first.
    await owner.kv.put(key, "ghi");
    expect(await textOf(owner.kv, key)).toBe("ghi");
    await owner.kv.get(key);
    expect(await owner.local(key)).toBe(true);
  });

  // lease/leasing_test.go:TestLeasingSessionExpireCancel
  it.concurrent("can be told to stop waiting while its lease is lost, whatever it was called for", async () => {
    const key = uniqueKey();
    await using client = await bridgedProgram(shared, uniqueKey("leasing"), { ttlSeconds: 1 });
    await client.kv.put(key, "abc");
    await client.kv.get(key);
    await client.down();
    await expect.soft(untilLost(client)).resolves.toBeUndefined();
    const calls: readonly ((call: CallOptions) => Promise<unknown>)[] = [
      (call) => client.kv.get(key, call),
      (call) => client.kv.range({ prefix: key }, call),
      (call) => client.kv.put(key, "x", call),
      (call) => client.kv.delete(key, call),
      (call) => client.kv.delete({ prefix: key }, call),
      (call) => client.kv.txn({ success: [op.range(key)] }, call),
      (call) => client.kv.txn({ success: [op.put(key, "x")] }, call),
      (call) => client.kv.execute(op.put(key, "x"), call),
    ];
    for (const call of calls) {
      const aborting = new AbortController();
      const pending = call({ signal: aborting.signal });
      await delay(10);
      const reason = new Error("changed my mind");
      aborting.abort(reason);
      await expect(pending).rejects.toBe(reason);
    }
    await client.bridge.pass();
    expect(await textOf(client.kv, key)).toBe("abc");
    expect(await client.plain.get(key)).toMatchObject({ version: 1n });
  });

  async function untilLost({
    kv,
  }: {
    readonly kv: { stats(): { readonly ownedKeys: number } };
  }): Promise<void> {
    while (kv.stats().ownedKeys > 0) await delay(20);
  }

  it.concurrent("keeps what it owns through a cut that is shorter than its lease", async () => {
    const key = uniqueKey();
    await using client = await bridgedProgram(shared, uniqueKey("leasing"), { ttlSeconds: 10 });
    await client.plain.put(key, "abc");
    await client.kv.get(key);
    await client.down();
    await delay(1_000);
    await client.bridge.pass();
    await client.connection.ready();
    expect(await client.local(key)).toBe(true);
  });
});
