import { beforeAll, expect, it, vi } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";

type Family = typeof import("etcdkit");

// F74. Two versions in one tree of dependencies, or the bundle beside a package, are two copies of every module.
describeNewestEtcd("two copies of the family in one process", (etcd) => {
  const server = etcd.shared();
  let one: Family;
  let other: Family;
  beforeAll(async () => {
    one = await import("etcdkit");
    vi.resetModules();
    other = await import("etcdkit");
  });

  it("are two indeed", () => {
    expect(other.createEtcd).not.toBe(one.createEtcd);
    expect(other.EtcdError).not.toBe(one.EtcdError);
  });

  it("hold one lock between them: in one session, and in two", async () => {
    await using mine = one.createEtcd({ endpoints: server.endpoints });
    await using theirs = other.createEtcd({ endpoints: server.endpoints });
    await using session = await one.openSession(mine);
    await using another = await other.openSession(theirs);
    const name = uniqueKey("two-copies");
    const mutexes = [
      one.createMutex(session, name),
      other.createMutex(session, name), // a session of the one, a mutex of the other
      other.createMutex(another, name),
    ];
    let holders = 0;
    let most = 0;
    const task = async (mutex: (typeof mutexes)[number]): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        await using _lock = await mutex.lock();
        most = Math.max(most, ++holders);
        await mine.kv.get(name);
        holders--;
      }
    };
    await Promise.all(mutexes.map(task));
    expect([most, holders]).toEqual([1, 0]);
  });

  it("know each other's errors, guards and services", async () => {
    await using mine = one.createEtcd({ endpoints: server.endpoints });
    await using session = await other.openSession(mine);
    const lock = await other.createMutex(session, uniqueKey("two-copies")).lock();
    const kv = lock.guard(mine.kv);
    await kv.put("two-copies/key", "value");
    await mine.kv.delete(lock.key);
    const refusal: unknown = await kv.put("two-copies/key", "late").catch((error: unknown) => error);
    expect(one.isEtcdError(refusal, "NOT_HOLDER")).toBe(true);
    expect(other.isEtcdError(refusal, "NOT_HOLDER")).toBe(true);
    expect([one.outcomeOf(refusal), other.outcomeOf(refusal)]).toEqual(["not-applied", "not-applied"]);
  });

  it("decorate each other's services, and see their namespaces", async () => {
    await using mine = one.createEtcd({ endpoints: server.endpoints });
    const tenant = other.withNamespace(mine, uniqueKey("two-copies"));
    await using session = await one.openSession(tenant);
    const lock = await one.createMutex(session, "lock").lock();
    await lock.guard(tenant.kv).put("key", "value");
    expect(() => lock.guard(mine.kv)).toThrow(TypeError);
    const { attempts } = await one.stm(other.withOrdering(tenant.kv), async (tx) =>
      tx.put("key", `${one.utf8((await tx.get("key")) ?? new Uint8Array())}!`),
    );
    expect(attempts).toBe(1);
    const found = await tenant.kv.get("key");
    expect(found && other.utf8(found.value)).toBe("value!");
    await lock.unlock();
  });
});
