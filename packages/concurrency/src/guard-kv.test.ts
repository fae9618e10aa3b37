import { compare, op, outcomeOf, utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { guardKv } from "./guard-kv.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";

async function locked() {
  const etcd = new FakeEtcd();
  const services = etcd.services();
  const session = await openSession(services);
  const lock = await createMutex(session, "n").lock();
  return { etcd, services, session, lock, guarded: lock.guard(services.kv) };
}

describe("guardKv", () => {
  it("answers as the bare calls do while it is held", async () => {
    const { guarded, etcd } = await locked();
    const put = await guarded.put("a", "1");
    expect(put.header.revision).toBe(etcd.revision);
    const txn = await guarded.txn({
      compare: [compare.missing("b")],
      success: [op.put("b", "2"), op.txn({ success: [op.range("a")] })],
      failure: [op.range("b")],
    });
    expect(txn.succeeded && txn.responses[1].succeeded && txn.responses[1].responses[0].count).toBe(1);
    expect(txn.header.revision).toBe(etcd.revision);
    expect(
      (await guarded.txn({ compare: [compare.missing("b")], failure: [op.delete("b")] })).succeeded,
    ).toBe(false);
    expect(await guarded.delete("a")).toMatchObject({ deleted: 1 });
    expect(await guarded.get("a")).toBeUndefined();
  });

  it("lets the server refuse a write when the key is another's, and says that nothing was written", async () => {
    const { guarded, services, lock, etcd } = await locked();
    await services.kv.delete(lock.key);
    // The holder has not noticed yet: this is what the guard is for.
    expect(lock.isHeld()).toBe(true);
    const refusals = [
      guarded.put("a", "1"),
      guarded.delete("a"),
      guarded.txn({ success: [op.txn({ failure: [op.put("a", "1")] })] }),
    ];
    for (const refused of refusals) {
      const error: unknown = await refused.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
    }
    expect(etcd.keys()).toEqual([]);
    const repeated = await guarded.put("a", "1", { idempotent: true }).catch((reason: unknown) => reason);
    expect(outcomeOf(repeated)).toBe("unknown");
  });

  // F71
  it("refuses also while renewals succeed of a lease that was revoked", async () => {
    const { guarded, session, lock, etcd } = await locked();
    etcd.expire(session.leaseId);
    expect([session.isHeld(), lock.isHeld()]).toEqual([true, true]);
    await expect(guarded.put("a", "1")).rejects.toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
    expect(etcd.keys()).toEqual([]);
  });

  it("lets reads pass, also those in transactions, whoever holds it", async () => {
    const { guarded, services, lock } = await locked();
    await services.kv.put("a", "1");
    await lock.unlock();
    const found = await guarded.get("a");
    expect(found && utf8(found.value)).toBe("1");
    expect(
      (await guarded.txn({ success: [op.range("a"), op.txn({ failure: [op.range("a")] })] })).succeeded,
    ).toBe(true);
  });

  it("sends no write once its holder knows that it is not held", async () => {
    const { guarded, lock, etcd } = await locked();
    await lock.unlock();
    let requests = 0;
    etcd.onStep = () => {
      requests += 1;
    };
    await expect(guarded.put("a", "1")).rejects.toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
    expect(requests).toBe(0);
  });

  it("refuses compaction, which cannot be part of a transaction", async () => {
    const { guarded } = await locked();
    await expect(guarded.compact(1n)).rejects.toThrow(TypeError);
  });

  it("refuses a kv of another namespace, and hands on the prefix of its own", async () => {
    const etcd = new FakeEtcd();
    const prefix = new Uint8Array([0x61]);
    const session = await openSession(etcd.services(prefix));
    const lock = await createMutex(session, "n").lock();
    expect(() => lock.guard(etcd.services().kv)).toThrow(TypeError);
    expect(lock.guard(session.kv).keyPrefix).toEqual(prefix);
    expect(() => guardKv(undefined as never, { owned: lock.owned, isHeld: lock.isHeld })).toThrow(
      new TypeError("kv must be a Kv"),
    );
  });

  it("streams where the kv does", async () => {
    const { lock, services } = await locked();
    expect(lock.guard(services.kv).stream).toBeUndefined();
    const streaming = {
      ...services.kv,
      async *stream() {
        yield await services.kv.range("a");
      },
    };
    const [answer] = await Array.fromAsync(lock.guard(streaming).stream?.(op.range("a")) ?? []);
    expect(answer?.count).toBe(0);
  });
});
