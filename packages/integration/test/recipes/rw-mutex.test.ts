import { getEventListeners } from "node:events";
import { openSession } from "@etcdkit/concurrency";
import { op, utf8 } from "@etcdkit/core";
import { withNamespace } from "@etcdkit/namespace";
import {
  createBarrier,
  createPriorityQueue,
  createQueue,
  createRwMutex,
  type RwLock,
} from "@etcdkit/recipes";
import { expect, it } from "vitest";
import { aborted } from "../concurrency/ground.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { within } from "../support/within.js";
import { members, nth, participant, settledOf, twoMembers, untilCount } from "./participants.js";

describeEachEtcd("a read-write mutex", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  // experimental/recipes/v3_lock_test.go:TestRWMutexSingleNode, TestRWMutexMultiNode
  it.concurrent("is held by many readers or one writer", async () => {
    await using programs = await members(shared, 3);
    const name = uniqueKey("rw");
    let [readers, writers, mostReaders, overlaps, reads, writes] = [0, 0, 0, 0, 0, 0];
    const check = (): void => {
      if (writers > 1 || (writers > 0 && readers > 0)) overlaps++;
    };
    await Promise.all(
      Array.from({ length: 9 }, async (_, task) => {
        const mutex = createRwMutex(nth(programs.all, task % 3).session, name);
        for (let round = 0; round < 4; round++) {
          if ((task + round) % 3 === 0) {
            await using lock = await mutex.writeLock();
            writers++;
            check();
            await lock.guard(nth(programs.all, 0).kv).put(`${name}value`, `${task}`);
            check();
            writers--;
            writes++;
          } else {
            await using lock = await mutex.readLock();
            readers++;
            check();
            mostReaders = Math.max(mostReaders, readers);
            await lock.guard(nth(programs.all, 0).kv).get(`${name}value`);
            check();
            readers--;
            reads++;
          }
        }
      }),
    );
    expect({ overlaps, reads, writes }).toEqual({ overlaps: 0, reads: 24, writes: 12 });
    expect(mostReaders).toBeGreaterThan(1);
    await untilCount(nth(programs.all, 0), `${name}/`, 0);
  });

  it.concurrent("is fair: who asked first gets it first, and readers that follow one another go in together", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const name = uniqueKey("rw");
    const [mine, theirs] = [createRwMutex(one.session, name), createRwMutex(other.session, name)];
    const order: string[] = [];
    /** Asks, and waits until the key stands in the queue, as the one of so many. */
    async function ask(what: string, count: number, asking: Promise<RwLock>) {
      const held = asking.then((lock) => {
        order.push(what);
        return lock;
      });
      await untilCount(one, `${name}/`, count);
      return { held };
    }
    const first = await mine.readLock();
    const second = await theirs.readLock();
    const writer = await ask("writer", 3, mine.writeLock());
    const third = await ask("reader", 4, theirs.readLock());
    const fourth = await ask("reader", 5, mine.readLock());
    const last = await ask("last writer", 6, theirs.writeLock());
    expect(order).toEqual([]);

    await first.unlock();
    await second.unlock();
    const written = await writer.held;
    expect(order).toEqual(["writer"]);
    expect(written.fencingToken > second.fencingToken).toBe(true);
    await written.unlock();
    const together = [await third.held, await fourth.held];
    expect(order).toEqual(["writer", "reader", "reader"]);
    expect(together.map((lock) => lock.isHeld())).toEqual([true, true]);
    for (const lock of together) await lock.unlock();
    await (await last.held).unlock();
    expect((await one.kv.range({ prefix: name })).count).toBe(0);
  });

  it.concurrent("has the keys that Go's has, and no mind for others under its name", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const name = uniqueKey("rw");
    await one.kv.put(`${name}/1234`, "a mutex of that name");
    await one.kv.put(`${name}/writers/read/1`, "another mutex, below");
    const mutex = createRwMutex(one.session, name);
    const reader = await mutex.readLock();
    expect(utf8(reader.key).slice(name.length)).toMatch(/^\/read\/[0-9]{19}$/);
    expect(await one.kv.get(reader.key)).toMatchObject({
      lease: one.session.leaseId,
      value: new Uint8Array(),
      createRevision: reader.fencingToken,
    });
    await reader.unlock();
    const writer = await mutex.writeLock();
    expect(utf8(writer.key).slice(name.length)).toMatch(/^\/write\/[0-9]{19}$/);
    // A program in Go that reads is let wait, and lets wait in turn.
    await writer.unlock();
    await other.kv.put(`${name}/write/1700000000000000000`, "");
    const asking = mutex.readLock();
    const asked = settledOf([asking]);
    await one.watching(1);
    expect(asked()).toBe(0);
    await other.kv.delete(`${name}/write/1700000000000000000`);
    await (await asking).unlock();
  });

  it.concurrent("lives in a namespace, as the other recipes do", async () => {
    await using program = participant(shared);
    const space = uniqueKey("space");
    const inside = withNamespace(program, space);
    await using session = await openSession(inside, { ttlSeconds: 20 });
    const mutex = createRwMutex(session, "m");
    const reader = await mutex.readLock();
    const waiting = mutex.writeLock();
    await untilCount(program, `${space}m/write/`, 1);
    await createQueue(inside, "q").enqueue("item");
    await createPriorityQueue(inside, "p").enqueue("item", 1);
    await createBarrier(inside, "b").hold();
    const names = async () =>
      (await program.kv.range({ from: "" })).kvs
        .map(({ key }) => utf8(key))
        .filter((name) => name.includes(space))
        .map((name) => name.replace(/[0-9]{19}$/, "<number>"));
    expect(await names()).toEqual(
      ["__p/00001", "b", "m/read/<number>", "m/write/<number>", "p/00001/0000000000000000", "q/<number>"].map(
        (name) => `${space}${name}`,
      ),
    );
    await reader.guard(inside.kv).put("guarded", "");
    expect(() => reader.guard(program.kv)).toThrow(/namespace/);
    await reader.unlock();
    await (await waiting).unlock();
  });

  it.concurrent("is tried without a place in the queue", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const name = uniqueKey("rw");
    const [mine, theirs] = [createRwMutex(one.session, name), createRwMutex(other.session, name)];
    const reader = await mine.tryReadLock();
    expect(reader).toMatchObject({ kind: "read" });
    expect(await theirs.tryWriteLock()).toBeUndefined();
    const secondReader = await theirs.tryReadLock();
    expect(secondReader).toMatchObject({ kind: "read" });
    await reader?.unlock();
    await secondReader?.unlock();
    const writer = await mine.tryWriteLock();
    expect(writer).toMatchObject({ kind: "write" });
    expect(await theirs.tryReadLock()).toBeUndefined();
    expect(await theirs.tryWriteLock()).toBeUndefined();
    await writer?.unlock();
    expect((await one.kv.range({ prefix: name })).count).toBe(0);
  });

  it.concurrent("is released once, however often one says so", async () => {
    await using programs = await twoMembers(shared);
    const { one } = programs;
    const mutex = createRwMutex(one.session, uniqueKey("rw"));
    const listeners = () => getEventListeners(one.session.signal, "abort").length;
    const before = listeners();
    const lock = await mutex.writeLock();
    expect([lock.isHeld(), lock.signal.aborted, lock.remainingMs() > 0]).toEqual([true, false, true]);
    await lock.unlock();
    await lock.unlock();
    await lock[Symbol.asyncDispose]();
    expect([lock.isHeld(), lock.remainingMs()]).toEqual([false, 0]);
    expect(lock.signal.reason).toMatchObject({ code: "CLOSED" });
    expect(listeners()).toBe(before);
    const late = await rejection(() => lock.guard(one.kv).put("late", ""));
    expect(late.error).toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
  });

  // F72
  it.concurrent("refuses the late write of a holder whose lock another one has by now", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const [name, key] = [uniqueKey("rw"), uniqueKey("guarded")];
    const lock = await createRwMutex(one.session, name).writeLock();
    await lock.guard(one.kv).put(key, "in time");
    await other.leases.revoke(one.session.leaseId);
    const next = await createRwMutex(other.session, name).writeLock();
    expect(next.fencingToken > lock.fencingToken).toBe(true);
    // As if nothing had been noticed here yet.
    const late = await one.kv.txn({ compare: [lock.owned()], success: [op.put(key, "too late")] });
    expect(late.succeeded).toBe(false);
    const value = (await one.kv.get(key))?.value;
    expect(value && utf8(value)).toBe("in time");
  });

  // F68
  it.concurrent("is left by whoever gives up waiting, so that nobody waits for them", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const name = uniqueKey("rw");
    const [mine, theirs] = [createRwMutex(one.session, name), createRwMutex(other.session, name)];
    const reader = await mine.readLock();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const writing = theirs.writeLock({ signal: controller.signal });
    await other.watching(1);
    const reading = mine.readLock();
    await one.watching(1);
    controller.abort(reason);
    await expect(writing).rejects.toBe(reason);
    await (await reading).unlock();
    expect((await rejection(() => theirs.writeLock({ timeoutMs: 50 }))).error.code).toBe("DEADLINE");
    await expect(theirs.writeLock({ signal: controller.signal })).rejects.toBe(reason);
    await reader.unlock();
    await untilCount(one, name, 0);
  });

  // An abort may come at any moment, also while the key is being made.
  it.concurrent("keeps no key of calls that were aborted at any moment", async () => {
    await using programs = await twoMembers(shared);
    const { one } = programs;
    const name = uniqueKey("rw");
    const mutex = createRwMutex(one.session, name);
    let refused = 0;
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const controller = new AbortController();
        const timer = setTimeout(() => controller.abort(new Error("enough")), i / 2);
        try {
          const lock = i % 2 === 0 ? mutex.readLock : mutex.writeLock;
          await (await lock({ signal: controller.signal })).unlock();
        } catch (error) {
          expect(error).toBe(controller.signal.reason);
          refused++;
        }
        clearTimeout(timer);
      }),
    );
    expect(refused).toBeGreaterThan(0);
    await untilCount(one, name, 0);
  });

  // F67
  it.concurrent("tells holders and waiters within a second that their session is lost", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const name = uniqueKey("rw");
    const holder = await createRwMutex(other.session, name).readLock();
    const mine = createRwMutex(one.session, name);
    const waiting = rejection(() => mine.writeLock());
    await one.watching(2); // of the reader's key, and a moment later of its own
    await other.leases.revoke(one.session.leaseId);
    expect(await within(waiting)).toBeLessThan(1_000);
    expect((await waiting).error.code).toBe("SESSION_LOST");
    expect((await rejection(() => mine.readLock())).error.code).toBe("SESSION_LOST");
    expect(holder.isHeld()).toBe(true);

    await one.leases.revoke(other.session.leaseId);
    expect(await within(aborted(holder.signal))).toBeLessThan(1_000);
    expect(holder.signal.reason).toMatchObject({ code: "SESSION_LOST" });
    expect(holder.isHeld()).toBe(false);
    await holder.unlock();
  });

  // F69
  it.concurrent("tells holders and waiters within a second that somebody deleted their key", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const name = uniqueKey("rw");
    const holder = await createRwMutex(one.session, name).writeLock();
    await one.watching(1);
    const waiting = rejection(() => createRwMutex(other.session, name).writeLock());
    await other.watching(2);
    await other.kv.delete({ prefix: `${name}/` });
    expect(await within(Promise.all([aborted(holder.signal), waiting]))).toBeLessThan(1_000);
    expect(holder.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
    expect([holder.isHeld(), one.session.isHeld()]).toEqual([false, true]);
    expect((await waiting).error.code).toBe("NOT_HOLDER");
    await holder.unlock();
  });
});
