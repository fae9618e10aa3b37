import { Buffer } from "node:buffer";
import {
  type CallOptions,
  compare,
  EtcdError,
  type KvExecutor,
  type Op,
  op,
  outcomeOf,
  type ResultOf,
  utf8,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type LeasingKv, openLeasingKv } from "@etcdkit/leasing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it, vi } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { program, textOf } from "./program.js";

type Carry = <O extends Op>(op: O, call?: CallOptions) => Promise<ResultOf<O>>;

/** Something that is done to an op on its way, once. */
interface Trap {
  readonly match: (op: Op) => boolean;
  readonly meet: (carry: () => Promise<unknown>) => Promise<unknown>;
}

/** A `Kv` on which the order of what happens can be chosen. */
function trapped(kv: KvExecutor): { readonly kv: KvExecutor; readonly traps: Trap[] } {
  const traps: Trap[] = [];
  const execute: Carry = (one, call) => {
    const index = traps.findIndex(({ match }) => match(one));
    const [trap] = index < 0 ? [] : traps.splice(index, 1);
    const carry = (): Promise<ResultOf<typeof one>> => kv.execute(one, call);
    return trap === undefined ? carry() : (trap.meet(carry) as Promise<ResultOf<typeof one>>);
  };
  return { kv: { execute }, traps };
}

/** A point that one side reaches and the other lets it go on from. */
function gate(): { readonly reached: Promise<void>; readonly open: () => void; pass(): Promise<void> } {
  let arrive = nothing;
  let open = nothing;
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    reached,
    open,
    pass: () => {
      arrive();
      return opened;
    },
  };
}

function nothing(): void {}

/** Waits until something is so. */
async function soon(isSo: () => unknown): Promise<void> {
  await vi.waitFor(isSo, { timeout: 10_000 });
}

/** Holds back the answer to an op that is carried out. */
function heldAnswer(traps: Trap[], match: Trap["match"]): ReturnType<typeof gate> {
  const held = gate();
  const meet: Trap["meet"] = async (carry) => {
    const answer = await carry();
    await held.pass();
    return answer;
  };
  traps.push({ match, meet });
  return held;
}

// On the newest server only: in which order answers and events arrive is chosen here.
describeNewestEtcd("a leasing client", (etcd) => {
  const shared = etcd.shared();

  async function trappedProgram(prefix: string) {
    const connection = shared.connect();
    const { kv, traps } = trapped(createKv(connection));
    const [leases, watcher] = [createLeases(connection), createWatcher(connection)];
    const leasing = await openLeasingKv({ kv, leases, watcher }, prefix);
    return {
      kv: leasing,
      traps,
      plain: createKv(connection),
      watcher,
      leases,
      async [Symbol.asyncDispose]() {
        await leasing.close();
        await connection.close();
      },
    };
  }

  const isAcquisition = (one: Op): boolean =>
    one.type === "txn" && one.success[0]?.type === "range" && one.success[1]?.type === "put";
  const isGuarded =
    (type: Op["type"]) =>
    (one: Op): boolean =>
      one.type === "txn" && one.compare[0]?.relation === "less" && one.success[0]?.type === type;
  const isRelease = (one: Op): boolean =>
    one.type === "txn" &&
    one.compare[0]?.relation === "equal" &&
    one.success.length === 1 &&
    one.success[0]?.type === "delete" &&
    one.failure.length === 0;
  const unknown = (): never => {
    throw new EtcdError("UNAVAILABLE", "the answer is lost", { outcome: "unknown" });
  };

  it.concurrent("does not keep what an acquisition has read when its own write has come in between", async () => {
    await using client = await trappedProgram(uniqueKey("leasing"));
    const key = uniqueKey();
    const held = heldAnswer(client.traps, isAcquisition);
    const read = client.kv.get(key);
    await held.reached;
    await client.kv.put(key, "new");
    held.open();
    expect(await read).toBeUndefined(); // it was called before the put
    expect(await textOf(client.kv, key)).toBe("new");
  });

  it.concurrent("does not keep what an acquisition has read when it was told to let go before the answer came", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await trappedProgram(prefix);
    await using other = await program(shared, prefix);
    const held = heldAnswer(client.traps, isAcquisition);
    const read = client.kv.get(key);
    await held.reached;
    await other.kv.put(key, "new");
    held.open();
    expect(await read).toBeUndefined();
    expect(await textOf(client.kv, key)).toBe("new");
    expect(client.kv.stats().ownedKeys).toBe(0);
  });

  it.concurrent("asks the server for those who came while an acquisition was under way that failed to own the key", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await trappedProgram(prefix);
    await using owner = await program(shared, prefix);
    await owner.kv.get(key);
    const held = heldAnswer(client.traps, isAcquisition);
    const early = client.kv.get(key);
    await held.reached;
    await owner.kv.put(key, "new");
    const late = client.kv.get(key);
    held.open();
    expect(await early).toBeUndefined();
    expect(await late).toMatchObject({ version: 1n });
  });

  it.concurrent("reads a key once for all who ask for it at the same time", async () => {
    await using client = await trappedProgram(uniqueKey("leasing"));
    const key = uniqueKey();
    await Promise.all(Array.from({ length: 10 }, () => client.kv.get(key)));
    expect(client.kv.stats()).toMatchObject({ hits: 9, misses: 1, ownedKeys: 1 });
  });

  for (const [name, write, type] of [
    ["put", (kv: LeasingKv, key: string) => kv.put(key, "late"), "put"],
    ["transaction", (kv: LeasingKv, key: string) => kv.txn({ success: [op.put(key, "late")] }), "txn"],
    ["deletion of a range", (kv: LeasingKv, key: string) => kv.delete({ prefix: key }), "delete"],
  ] as const) {
    it.concurrent(`is not deceived by a ${name} of unknown outcome that happens only later`, async () => {
      await using client = await trappedProgram(uniqueKey("leasing"));
      const key = uniqueKey();
      await client.kv.put(key, "old");
      await client.kv.get(key);
      let happen: () => Promise<unknown> = unknown;
      client.traps.push({
        match: isGuarded(type),
        // Given up on, while it is still on its way.
        meet: async (carry) => {
          happen = carry;
          return unknown();
        },
      });
      const { error } = await rejection(() => write(client.kv, key));
      expect(error.outcome).toBe("unknown");
      // Until the key is owned anew, under another token.
      await ownedSoon(client.kv, key);
      // The server refuses it now: it relies on an ownership that is over.
      expect(await happen()).toMatchObject({ succeeded: false });
      expect(await textOf(client.kv, key)).toBe("old");
      expect(await textOf(client.plain, key)).toBe("old");
    });

    it.concurrent(`is not deceived by a ${name} of unknown outcome while it cannot let go of the key either`, async () => {
      await using client = await trappedProgram(uniqueKey("leasing"));
      const key = uniqueKey();
      await client.kv.put(key, "old");
      await client.kv.get(key);
      const released = gate();
      let happen: () => Promise<unknown> = unknown;
      client.traps.push(
        { match: isRelease, meet: (carry) => released.pass().then(carry) },
        {
          match: isGuarded(type),
          meet: async (carry) => {
            happen = carry;
            return unknown();
          },
        },
      );
      await rejection(() => write(client.kv, key));
      await released.reached;
      expect(await textOf(client.kv, key)).toBe("old");
      await happen();
      // Nothing was taken up that this could have made stale.
      expect(await textOf(client.kv, key)).toBe(type === "delete" ? undefined : "late");
      released.open();
    });
  }

  for (const [name, write, type] of [
    ["put", (kv: LeasingKv, key: string) => kv.put(key, "twice", { idempotent: true }), "put"],
    [
      "deletion of a range",
      (kv: LeasingKv, key: string) => kv.delete({ prefix: key }, { idempotent: true }),
      "delete",
    ],
  ] as const) {
    it.concurrent(`is not deceived by the first attempt at an idempotent ${name} that happens only after the second`, async () => {
      await using client = await trappedProgram(uniqueKey("leasing"));
      const key = uniqueKey();
      await client.kv.put(key, "old");
      await client.kv.get(key);
      let happen: () => Promise<unknown> = unknown;
      client.traps.push({
        match: isGuarded(type),
        meet: (carry) => {
          happen = carry;
          return carry();
        },
      });
      await write(client.kv, key);
      await client.kv.put(key, "new");
      await client.kv.get(key);
      await happen();
      expect(await textOf(client.kv, key)).toBe(await textOf(client.plain, key));
    });
  }

  it.concurrent("is not deceived by an idempotent write whose first attempt has happened and whose second is refused", async () => {
    const prefix = uniqueKey("leasing");
    await using client = await trappedProgram(prefix);
    const key = uniqueKey();
    await client.kv.put(`${key}1`, "old");
    await client.kv.get(`${key}1`);
    const { id: leaseId } = await client.leases.grant(60);
    client.traps.push({
      match: isGuarded("delete"),
      meet: async (carry) => {
        await carry();
        // An owner that does not react has come meanwhile.
        await client.plain.put(`${prefix}${key}2`, "", { leaseId });
        return await carry();
      },
    });
    const { error } = await rejection(() =>
      client.kv.delete({ prefix: key }, { idempotent: true, timeoutMs: 2_000 }),
    );
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "unknown" });
    expect(await textOf(client.plain, `${key}1`)).toBeUndefined();
    expect(await textOf(client.kv, `${key}1`)).toBeUndefined();
  });

  it.concurrent("says of a transaction that waited for another write in vain that it was not sent", async () => {
    await using client = await trappedProgram(uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.get(key);
    const held = gate();
    client.traps.push({ match: isGuarded("put"), meet: (carry) => held.pass().then(carry) });
    const put = client.kv.put(key, "new");
    await held.reached;
    const txn = (call: CallOptions) =>
      client.kv.txn({ compare: [compare.exists(key)], success: [op.put(key, "newer")] }, call);
    expect((await rejection(() => txn({ timeoutMs: 50 }))).error).toMatchObject({
      ...{ code: "DEADLINE", outcome: "not-applied" },
    });
    const caller = new AbortController();
    const aborted = txn({ signal: caller.signal });
    caller.abort(new Error("changed my mind"));
    await expect(aborted).rejects.toBe(caller.signal.reason);
    expect(outcomeOf(caller.signal.reason)).toBe("not-applied");
    held.open();
    await put;
    expect(await client.plain.get(key)).toMatchObject({ version: 1n });
  });

  it.concurrent("keeps no bytes of an op that its caller may change", async () => {
    const prefix = uniqueKey("leasing");
    await using client = await trappedProgram(prefix);
    const name = uniqueKey();
    const [key, value] = [Buffer.from(name), Buffer.from("value")];
    await client.kv.execute({ type: "range", key });
    await client.kv.execute({ type: "put", key, value });
    value.fill(0);
    const first = await client.kv.get(name);
    expect(first && utf8(first.value)).toBe("value");
    first?.value.fill(0);
    expect(await textOf(client.kv, name)).toBe("value");
    key.fill(0);
    // Tied to a lease of its own, it is given up.
    await client.kv.put(name, "", { leaseId: (await client.leases.grant(60)).id });
    await soon(async () => expect((await client.plain.range({ prefix })).count).toBe(0));
  });

  it.concurrent("does not take up an ownership that a deletion of unknown outcome relies on", async () => {
    await using client = await trappedProgram(uniqueKey("leasing"));
    const key = uniqueKey();
    await client.plain.put(`${key}1`, "old");
    await client.plain.put(`${key}2`, "old");
    // One key is owned without memory knowing of it; the other is owned after it.
    client.traps.push({ match: isAcquisition, meet: (carry) => carry().then(unknown) });
    await rejection(() => client.kv.get(`${key}2`));
    await client.kv.get(`${key}1`);
    let happen: () => Promise<unknown> = unknown;
    client.traps.push({
      match: isGuarded("delete"),
      meet: async (carry) => {
        happen = carry;
        return unknown();
      },
    });
    await rejection(() => client.kv.delete({ prefix: key }));
    await client.kv.get(`${key}2`);
    await happen();
    for (const name of ["1", "2"]) {
      expect(await textOf(client.kv, key + name)).toBe(await textOf(client.plain, key + name));
    }
  });

  /** Waits until a key is read from memory. */
  async function ownedSoon(kv: LeasingKv, key: string): Promise<void> {
    await soon(async () => {
      const { hits } = kv.stats();
      await kv.get(key);
      expect(kv.stats().hits).toBe(hits + 1);
    });
  }

  it.concurrent("does not let a write pass that began before somebody else came to own the key", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await trappedProgram(prefix);
    await using other = await program(shared, prefix);
    await client.kv.put(key, "old");
    await client.kv.get(key);
    const held = gate();
    client.traps.push({ match: isGuarded("put"), meet: (carry) => held.pass().then(carry) });
    const put = client.kv.put(key, "late");
    await held.reached;
    await other.kv.put(key, "new");
    await other.kv.get(key);
    expect(await other.local(key)).toBe(true);
    held.open();
    await put;
    expect(await textOf(other.kv, key)).toBe("late");
    expect(await textOf(client.kv, key)).toBe("late");
    expect(await other.plain.get(key)).toMatchObject({ version: 3n });
  });

  it.concurrent("lets readers wait for its own write to a key that it owns, until the last of several is done", async () => {
    await using client = await trappedProgram(uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.get(key);
    const [first, second] = [gate(), gate()];
    for (const held of [first, second]) {
      client.traps.push({
        match: isGuarded("put"),
        meet: async (carry) => {
          const answer = await carry();
          await held.pass();
          return answer;
        },
      });
    }
    const puts = [client.kv.put(key, "1"), client.kv.put(key, "2")];
    await Promise.all([first.reached, second.reached]);
    let settled = false;
    const read = client.kv.range(key).finally(() => {
      settled = true;
    });
    const gone = new AbortController();
    const aborted = expect(client.kv.get(key, { signal: gone.signal })).rejects.toThrow("no time");
    gone.abort(new Error("no time"));
    await aborted;
    first.open();
    await puts[0];
    await expect(client.kv.get(key, { timeoutMs: 20 })).rejects.toMatchObject({ code: "DEADLINE" });
    expect(settled).toBe(false);
    second.open();
    await puts[1];
    expect((await read).kvs).toMatchObject([{ version: 2n }]);
    expect(await client.plain.get(key)).toMatchObject({ version: 2n });
  });

  it.concurrent("asks the server where its own writes follow each other without a gap", async () => {
    await using client = await trappedProgram(uniqueKey("leasing"));
    const key = uniqueKey();
    await client.kv.get(key);
    const [first, second] = [gate(), gate()];
    for (const held of [first, second]) {
      client.traps.push({ match: isGuarded("put"), meet: (carry) => held.pass().then(carry) });
    }
    const puts = [client.kv.put(key, "1")];
    await first.reached;
    const reads = [client.kv.get(key), client.kv.txn({ success: [op.range(key)] })] as const;
    puts.push(client.kv.put(key, "2"));
    await second.reached;
    first.open();
    expect((await reads[0])?.version).toBe(1n);
    expect((await reads[1]).responses[0]).toMatchObject({ kvs: [{ version: 1n }] });
    second.open();
    await Promise.all(puts);
    expect((await client.kv.get(key))?.version).toBe(2n);
  });

  it.concurrent("knows its own leasing key that memory does not know of, and does not ask itself to let go", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await trappedProgram(prefix);
    // The answer to an acquisition that has happened is lost for good.
    client.traps.push({ match: isAcquisition, meet: (carry) => carry().then(unknown) });
    await rejection(() => client.kv.get(key));
    expect((await client.plain.get(prefix + key))?.lease).not.toBe(0n);
    await using watch = client.watcher.watch(prefix + key, { events: "puts" });
    await watch.created;
    await client.kv.put(key, "new");
    // No REVOKE: the next put of the leasing key is this one.
    await client.plain.put(prefix + key, "seen");
    for await (const batch of watch) {
      if (batch.kind !== "events") continue;
      expect(batch.events.map(({ kv }) => kv && utf8(kv.value))).toEqual(["seen"]);
      break;
    }
  });

  it.concurrent("lets go of a leasing key that memory does not know of when somebody wants to write the key", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await trappedProgram(prefix);
    await using other = await program(shared, prefix);
    client.traps.push({ match: isAcquisition, meet: (carry) => carry().then(unknown) });
    await rejection(() => client.kv.get(key));
    await other.kv.put(key, "new", { timeoutMs: 20_000 });
    expect(await client.plain.get(prefix + key)).toBeUndefined();
  });

  it.concurrent("does not keep leasing keys themselves, which everybody writes", async () => {
    const prefix = uniqueKey("leasing");
    await using client = await program(shared, prefix);
    await client.kv.get(`${prefix}x`);
    expect(await client.local(`${prefix}x`)).toBe(false);
    expect(client.kv.stats().ownedKeys).toBe(0);
  });

  it.concurrent("begins anew when its leasing keys are written through itself", async () => {
    const prefix = uniqueKey("leasing");
    await using client = await program(shared, prefix);
    const key = uniqueKey();
    await client.kv.get(key);
    await client.kv.delete({ prefix });
    expect(client.kv.stats().ownedKeys).toBe(0);
    await client.kv.put(key, "new");
    expect(await textOf(client.kv, key)).toBe("new");
  });

  // lease/leasing_test.go:TestLeasingSessionExpire
  it.concurrent("drops everything at once when its lease is revoked, and takes another", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await program(shared, prefix);
    await client.kv.put(key, "old");
    await client.kv.get(key);
    const leaseId = (await client.plain.get(prefix + key))?.lease ?? 0n;
    await using direct = shared.connect();
    await createLeases(direct).revoke(leaseId);
    await soon(() => expect(client.kv.stats().ownedKeys).toBe(0));
    await client.plain.put(key, "past the rules");
    expect(await textOf(client.kv, key)).toBe("past the rules");
    await client.kv.put(key, "new");
    await ownedSoon(client.kv, key);
    expect((await client.plain.get(prefix + key))?.lease).not.toBe(leaseId);
  });

  it("does not serve from memory after a stall that was longer than its lease, from the first instruction on", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using client = await program(shared, prefix, { ttlSeconds: 2 });
    await client.kv.put(key, "old");
    await client.kv.get(key);
    const { hits } = client.kv.stats();
    const end = performance.now() + 2_500;
    while (performance.now() < end);
    const read = client.kv.get(key);
    expect(client.kv.stats().hits).toBe(hits);
    expect((await read)?.version).toBe(1n);
  });

  it("closes with nothing left behind: its leasing keys are gone, and calls are refused", async () => {
    const [prefix, key] = [uniqueKey("leasing"), uniqueKey()];
    await using other = await program(shared, prefix);
    await using client = await program(shared, prefix);
    await client.kv.put(key, "x");
    await client.kv.get(key);
    // An owner that does not react: nobody watches for it.
    const { id } = await other.leases.grant(60);
    const stuck = uniqueKey();
    const { header } = await other.plain.put(prefix + stuck, "", { leaseId: id });
    const put = expect(client.kv.put(stuck, "x")).rejects.toMatchObject({
      code: "CLOSED",
      outcome: "not-applied",
    });
    // Once the owner is asked to let go, the put has been refused.
    await using watch = other.watcher.watch(prefix + stuck, { startRevision: header.revision + 1n });
    for await (const batch of watch) if (batch.kind === "events") break;
    await client.kv.get(key);
    await Promise.all([client.kv.close(), client.kv.close()]);
    await put;
    expect(await other.plain.get(prefix + key)).toBeUndefined();
    await expect(client.kv.get(key)).rejects.toMatchObject({ code: "CLOSED" });
    await expect(client.kv.put(key, "x")).rejects.toMatchObject({ code: "CLOSED", outcome: "not-applied" });
    await expect(client.kv.txn({})).rejects.toMatchObject({ code: "CLOSED" });
    await expect(Array.fromAsync(client.kv.scan({ prefix: key }))).rejects.toMatchObject({ code: "CLOSED" });
    expect(client.kv.stats()).toMatchObject({ ownedKeys: 0, ownedBytes: 0 });
    await other.kv.put(key, "free");
  });

  it("ends with the connection that it is built on", async () => {
    await using client = await program(shared, uniqueKey("leasing"));
    await client.connection.close();
    await soon(async () => {
      await expect(client.kv.put("a", "x")).rejects.toMatchObject({ code: "CLOSED" });
    });
  });

  it.concurrent("gives up first what was not read for longest when there is no more room", async () => {
    const prefix = uniqueKey("leasing");
    await using client = await program(shared, prefix, { maxKeys: 3 });
    const key = uniqueKey();
    for (const name of ["a", "b", "c"]) await client.kv.get(key + name);
    expect(await client.local(`${key}a`)).toBe(true);
    await client.kv.get(`${key}d`);
    expect(client.kv.stats().ownedKeys).toBe(3);
    await soon(async () => {
      const { kvs } = await client.plain.range({ prefix });
      expect(kvs.map((one) => utf8(one.key).at(-1))).toEqual(["a", "c", "d"]);
    });
    expect(await client.local(`${key}b`)).toBe(false);
  });

  it.concurrent("does not keep a value that is larger than all that it may keep", async () => {
    const prefix = uniqueKey("leasing");
    await using client = await program(shared, prefix, { maxBytes: 10_000 });
    const key = uniqueKey();
    await client.kv.get(key);
    await client.kv.put(key, "x".repeat(20_000));
    expect(client.kv.stats()).toMatchObject({ ownedKeys: 0, ownedBytes: 0 });
    expect((await client.kv.get(key))?.value).toHaveLength(20_000);
    expect(client.kv.stats().ownedBytes).toBe(0);
  });
});
