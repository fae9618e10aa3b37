import { createMutex, type Lock, withLock } from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";
import { Exclusive, failureOf, participant, queued } from "./ground.js";

describeEachEtcd("a mutex", (etcd) => {
  const shared = etcd.shared();
  const join = () => participant(shared.connect());

  // mutex_test.go:TestMutexLockSessionExpired
  it.concurrent("gives nothing but an error to a waiter whose session is closed", async () => {
    await using programs = await together(join(), join());
    const [one, two] = programs.all;
    if (one === undefined || two === undefined) throw new Error("two programs");
    const name = uniqueKey("expired");
    const held = await createMutex(one.session, name).lock();
    const waiting = createMutex(two.session, name).lock();
    const refused = failureOf(waiting);
    await queued(one, name, 2);
    await two.session.close();
    expect(await refused).toMatchObject({ code: "CLOSED" });
    await held.unlock();
    expect(await one.services.kv.range({ prefix: name })).toMatchObject({ count: 0 });
  });

  // mutex_test.go:TestMutexUnlock
  it.concurrent("is released once, and says so when it is released again", async () => {
    await using one = await join();
    const lock = await createMutex(one.session, uniqueKey("unlock")).lock();
    await lock.unlock();
    await expect(lock.unlock()).rejects.toMatchObject({
      code: "NOT_HOLDER",
      message: "mutex: lock has already been released",
    });
  });

  // example_mutex_test.go:ExampleMutex_TryLock, ExampleMutex_Lock
  it.concurrent("refuses a second session that tries, and lets it wait", async () => {
    await using programs = await together(join(), join());
    const [one, two] = programs.all;
    if (one === undefined || two === undefined) throw new Error("two programs");
    const name = uniqueKey("second");
    const [first, second] = [createMutex(one.session, name), createMutex(two.session, name)];
    const held = await first.lock();
    expect(await second.tryLock()).toBeUndefined();
    const waiting = second.lock();
    const soon = vi.fn();
    void waiting.then(soon);
    await queued(one, name, 2);
    expect(soon).not.toHaveBeenCalled();
    await held.unlock();
    const lock = await waiting;
    expect(lock.fencingToken).toBeGreaterThan(held.fencingToken);
    expect(lock.isHeld()).toBe(true);
    await lock.unlock();
    await (await second.tryLock())?.unlock();
  });

  it.concurrent("is the key that other clients of etcd take it for", async () => {
    await using one = await join();
    const name = uniqueKey("key");
    const lock = await createMutex(one.session, name).lock();
    const [kv] = (await one.services.kv.range({ prefix: name })).kvs;
    expect(kv).toMatchObject({
      key: lock.key,
      createRevision: lock.fencingToken,
      lease: one.session.leaseId,
      value: new Uint8Array(),
    });
    expect(utf8(lock.key)).toBe(`${name}/${one.session.leaseId.toString(16)}`);
  });

  // experimental/recipes/v3_lock_test.go:TestMutexSessionRelock
  it.concurrent("waits for itself within a session, and for no one else", async () => {
    await using one = await join();
    const name = uniqueKey("relock");
    const held = await createMutex(one.session, name).lock();
    const again = createMutex(one.session, name).lock();
    const soon = vi.fn();
    void again.then(soon);
    expect(await createMutex(one.session, name).tryLock()).toBeUndefined();
    // Its own lock on another name tells that there was time for an answer.
    await withLock(createMutex(one.session, uniqueKey("else")), () => undefined);
    expect(soon).not.toHaveBeenCalled();
    await held.unlock();
    await (await again).unlock();
  });

  // experimental/recipes/v3_lock_test.go:TestMutexWaitsOnCurrentHolder
  it.concurrent("is still waited for when the waiter in between dies", async () => {
    await using programs = await together(join(), join(), join());
    const [one, victim, three] = programs.all;
    if (one === undefined || victim === undefined || three === undefined) throw new Error("three programs");
    const name = uniqueKey("between");
    const held = await createMutex(one.session, name).lock();
    const dying = failureOf(createMutex(victim.session, name).lock());
    await queued(one, name, 2);
    const waiting = createMutex(three.session, name).lock();
    const soon = vi.fn();
    void waiting.then(soon);
    await queued(one, name, 3);
    await victim.session.close();
    expect(await dying).toMatchObject({ code: "CLOSED" });
    // Its own lock on another name tells that everything that was to be heard of was heard.
    await withLock(createMutex(three.session, uniqueKey("else")), () => undefined);
    expect(soon).not.toHaveBeenCalled();
    await held.unlock();
    await (await waiting).unlock();
  });

  it.concurrent("is held by 200 tasks of one session one after the other, through as many mutexes", async () => {
    await using one = await join();
    const name = uniqueKey("tasks");
    const place = new Exclusive();
    await Promise.all(
      Array.from({ length: 200 }, () =>
        withLock(createMutex(one.session, name), () => place.visit(() => one.services.kv.get(name))),
      ),
    );
    expect(place).toMatchObject({ entries: 200, most: 1 });
    expect(await one.services.kv.range({ prefix: name })).toMatchObject({ count: 0 });
    console.info(`200 tasks of one session on one lock (etcd ${etcd.version}): overlap ${place.most - 1}`);
  }, 180_000);

  it.concurrent("is held by one at a time among many that come, wait, give up and come again", async () => {
    await using programs = await together(join(), join(), join(), join());
    const name = uniqueKey("throng");
    const place = new Exclusive();
    let refused = 0;
    const tasks = programs.all.flatMap(({ session }) =>
      Array.from({ length: 15 }, async (_, n) => {
        const mutex = createMutex(session, name);
        for (let round = 0; round < 3; round++) {
          const wait = n % 3 === 0 ? { timeoutMs: 5 + n * 3 } : {};
          await withLock(mutex, () => place.visit(), wait).catch((error: unknown) => {
            expect(error).toMatchObject({ code: "DEADLINE" });
            refused += 1;
          });
        }
      }),
    );
    await Promise.all(tasks);
    expect(place.most).toBe(1);
    expect(place.entries + refused).toBe(180);
    const [one] = programs.all;
    if (one === undefined) throw new Error("four programs");
    await queued(one, name, 0);
  }, 180_000);
});

describeEachEtcd("a mutex of five programs", (etcd) => {
  const cluster = { one: etcd.shared(), three: etcd.shared({ members: 3 }) };

  describe.each(["one", "three"] as const)("on %s members", (members) => {
    const join = (_: unknown, n: number) => {
      const { endpoints } = cluster[members];
      const endpoint = endpoints[n % endpoints.length] ?? "";
      return participant(cluster[members].connect({ endpoints: endpoint }));
    };

    // experimental/recipes/v3_lock_test.go:TestMutexLockSingleNode, TestMutexLockMultiNode
    it("has one holder at a time", async () => {
      await using programs = await together(...Array.from({ length: 5 }, join));
      const name = uniqueKey("five");
      const place = new Exclusive();
      const tokens: bigint[] = [];
      await Promise.all(
        programs.all.map(({ session }) =>
          withLock(createMutex(session, name), async (lock) => {
            tokens.push(lock.fencingToken);
            await place.visit(() => lock.guard(session.kv).put(name, "mine"));
          }),
        ),
      );
      expect(place).toMatchObject({ entries: 5, most: 1 });
      expect(tokens).toEqual([...tokens].sort((a, b) => Number(a - b)));
    });

    // experimental/recipes/v3_lock_test.go:TestMutexTryLockSingleNode, TestMutexTryLockMultiNode
    it("has one winner when all try at once", async () => {
      await using programs = await together(...Array.from({ length: 5 }, join));
      const name = uniqueKey("try");
      const locks = await Promise.all(
        programs.all.map(({ session }) => createMutex(session, name).tryLock()),
      );
      expect(locks.filter((lock): lock is Lock => lock !== undefined)).toHaveLength(1);
      const [one] = programs.all;
      expect(await one?.services.kv.range({ prefix: name })).toMatchObject({ count: 1 });
    });
  });
});
