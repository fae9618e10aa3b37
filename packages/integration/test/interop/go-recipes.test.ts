import { utf8 } from "@etcdkit/core";
import {
  createBarrier,
  createDoubleBarrier,
  createPriorityQueue,
  createQueue,
  createRwMutex,
} from "@etcdkit/recipes";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { goProgram } from "./go-client.js";
import { interopGround } from "./ground.js";
import { pending, untilKeys } from "./waiting.js";

const name = (): string => uniqueKey("interop").slice(0, -1);

describe.skipIf(goProgram === undefined)("Go's package recipes shares with ours", () => {
  // The newest server is enough: what is tried is which keys and values the two write and wait for.
  describeNewestEtcd("barriers, queues and read-write locks", (etcd) => {
    const ground = interopGround(etcd);

    // experimental/recipes/v3_barrier_test.go:TestBarrierSingleNode
    it("a barrier that Go holds stops us, until Go releases it", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const barrier = { name: name() };
      await go.call("barrier.hold", barrier);
      await expect(createBarrier(services, barrier.name).hold()).rejects.toThrow();
      const waiting = await ground.waiting(() => createBarrier(services, barrier.name).wait());
      await go.call("barrier.release", barrier);
      await waiting.done;
    });

    it("a barrier that we hold stops Go, until we release it", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const theirs = { name: name() };
      const ours = createBarrier(services, theirs.name);
      await ours.hold();
      await expect(go.call("barrier.hold", theirs)).rejects.toThrow(/key already exists/);
      const waiting = await ground.waiting(() => go.call("barrier.wait", theirs));
      await ours.release();
      await waiting.done;
    });

    // experimental/recipes/v3_double_barrier_test.go:TestDoubleBarrier
    it("a double barrier lets both in once both are there, and out once both have left", async () => {
      await using sides = await ground.sides();
      const { go, kv, session } = sides;
      const theirs = { session: "go", name: name(), count: 2 };
      const ours = createDoubleBarrier(session, theirs.name, 2);
      const entering = await ground.waiting(() => go.call("doubleBarrier.enter", theirs));
      await ours.enter();
      await entering.done;
      // The two have the oldest key and the newest one: each waits for the other.
      const leaving = await ground.waiting(() => go.call("doubleBarrier.leave", theirs));
      await ours.leave();
      await leaving.done;
      await untilKeys(kv, `${theirs.name}/`, 0);
    });

    it("a double barrier that we enter first waits for Go, and in leaving too", async () => {
      await using sides = await ground.sides();
      const { go, kv, session } = sides;
      const theirs = { session: "go", name: name(), count: 2 };
      const ours = createDoubleBarrier(session, theirs.name, 2);
      const entering = await ground.waiting(() => ours.enter());
      await go.call("doubleBarrier.enter", theirs);
      await entering.done;
      const leaving = await ground.waiting(() => ours.leave());
      await go.call("doubleBarrier.leave", theirs);
      await leaving.done;
      await untilKeys(kv, `${theirs.name}/`, 0);
    });

    // experimental/recipes/v3_queue_test.go:TestQueueOneReaderOneWriter
    it("a queue keeps the order of items of both, whoever takes them", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const theirs = { name: name() };
      const ours = createQueue(services, theirs.name);
      for (const item of ["a", "b", "c"]) {
        await go.call("queue.enqueue", { ...theirs, value: `Go's ${item}` });
        await ours.enqueue(`our ${item}`);
      }
      const taken: string[] = [];
      for (let round = 0; round < 3; round++) {
        taken.push(utf8(await ours.dequeue()), await go.call<string>("queue.dequeue", theirs));
      }
      expect(taken).toEqual(["Go's a", "our a", "Go's b", "our b", "Go's c", "our c"]);
    });

    // Ours remembers the oldest keys of a long queue: what Go takes and puts meanwhile must not confuse it.
    it("a long queue keeps the order of items of both, whoever takes them", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const theirs = { name: name() };
      const [ours, another] = [createQueue(services, theirs.name), createQueue(services, theirs.name)];
      const [count, rounds] = [130, 20];
      for (let i = 0; i < count; i++) await ours.enqueue(`${i}`);
      const taken: string[] = [];
      for (let round = 0; round < rounds; round++) {
        taken.push(utf8(await ours.dequeue()), await go.call<string>("queue.dequeue", theirs));
        await go.call("queue.enqueue", { ...theirs, value: `${count + round}` });
        taken.push(utf8(await another.dequeue()), await go.call<string>("queue.dequeue", theirs));
      }
      while (taken.length < count + rounds) taken.push(utf8(await ours.dequeue()));
      expect(taken).toEqual(Array.from({ length: count + rounds }, (_, i) => `${i}`));
      expect(await another.tryDequeue()).toBeUndefined();
    });

    it("an empty queue lets Go wait for an item of ours, and us for one of Go's", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const [theirs, other] = [{ name: name() }, { name: name() }];
      const goWaits = await ground.waiting(() => go.call<string>("queue.dequeue", theirs));
      await createQueue(services, theirs.name).enqueue("ours");
      expect(await goWaits.done).toBe("ours");
      const weWait = await ground.waiting(() => createQueue(services, other.name).dequeue());
      await go.call("queue.enqueue", { ...other, value: "Go's" });
      expect(utf8(await weWait.done)).toBe("Go's");
    });

    // experimental/recipes/v3_queue_test.go:TestPrQueueOneReaderOneWriter
    it("a priority queue gives the items of both by priority, and of one priority in order", async () => {
      await using sides = await ground.sides();
      const { go, services } = sides;
      const theirs = { name: name() };
      const ours = createPriorityQueue(services, theirs.name);
      for (const [item, priority] of [
        ["late", 65_535],
        ["middle", 7],
        ["early", 0],
        ["second of the middle", 7],
      ] as const) {
        await go.call("priorityQueue.enqueue", { ...theirs, value: `Go's ${item}`, priority });
        await ours.enqueue(`our ${item}`, priority);
      }
      const taken: string[] = [];
      for (let round = 0; round < 4; round++) {
        taken.push(await go.call<string>("priorityQueue.dequeue", theirs), utf8(await ours.dequeue()));
      }
      const order = ["early", "middle", "second of the middle", "late"];
      expect(taken).toEqual(order.flatMap((item) => [`Go's ${item}`, `our ${item}`]));
    });

    // experimental/recipes/v3_lock_test.go:TestRWMutexSingleNode
    it("readers of both share, and a writer of ours waits for Go's reader", async () => {
      await using sides = await ground.sides();
      const { go, kv, session } = sides;
      const theirs = { session: "go", name: name() };
      const ours = createRwMutex(session, theirs.name);
      await go.call("rwMutex.rLock", theirs);
      const read = await ours.readLock();
      await read.unlock();
      const waiting = pending(ours.writeLock());
      await untilKeys(kv, `${theirs.name}/write/`, 1);
      expect(waiting.ended).toBe(false);
      await go.call("rwMutex.rUnlock", theirs);
      await using written = await waiting.done;
      expect(written.isHeld()).toBe(true);
    });

    it("a writer of Go's waits for our reader, and our reader for Go's writer", async () => {
      await using sides = await ground.sides();
      const { go, kv, session } = sides;
      const theirs = { session: "go", name: name() };
      const ours = createRwMutex(session, theirs.name);
      const read = await ours.readLock();
      const writing = pending(go.call("rwMutex.lock", theirs));
      await untilKeys(kv, `${theirs.name}/write/`, 1);
      expect(writing.ended).toBe(false);
      await read.unlock();
      await writing.done;
      const reading = pending(ours.readLock());
      await untilKeys(kv, `${theirs.name}/read/`, 1);
      expect(reading.ended).toBe(false);
      await go.call("rwMutex.unlock", theirs);
      await using second = await reading.done;
      expect(second.isHeld()).toBe(true);
    });
  });
});
