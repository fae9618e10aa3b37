import { kvFrom } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { fakeSession, scriptedKv, scriptedWatcher } from "../test/fake-services.js";
import {
  createBarrier,
  createDoubleBarrier,
  createPriorityQueue,
  createQueue,
  createRwMutex,
} from "./index.js";

const [kv, watcher] = [scriptedKv(), scriptedWatcher()];
const { session } = fakeSession(kv, watcher);

describe.each([
  ["createBarrier", createBarrier],
  ["createQueue", createQueue],
  ["createPriorityQueue", createPriorityQueue],
] as const)("%s", (_, create) => {
  it("refuses what it cannot be built on", () => {
    expect(() => create({ watcher } as never, "a")).toThrow(/services.kv must be a Kv/);
    expect(() => create({ kv } as never, "a")).toThrow(/services.watcher must be a Watcher/);
    expect(() => create(undefined as never, "a")).toThrow(TypeError);
    expect(() => create({ kv, watcher }, 7 as never)).toThrow(
      /^(key|prefix) must be a string or a Uint8Array/,
    );
  });

  it("refuses services that mean different keys by the same name", () => {
    const inside = kvFrom({ execute: kv.execute, keyPrefix: new Uint8Array([97]) });
    expect(() => create({ kv: inside, watcher }, "a")).toThrow(/of one namespace/);
  });
});

describe.each([
  [
    "createDoubleBarrier",
    (one: unknown, name: unknown) => createDoubleBarrier(one as never, name as never, 2),
  ],
  ["createRwMutex", (one: unknown, name: unknown) => createRwMutex(one as never, name as never)],
] as const)("%s", (_, create) => {
  it("refuses what is no session, and what is no name", () => {
    for (const one of [undefined, null, { kv, watcher }, "session"]) {
      expect(() => create(one, "a")).toThrow(/session must be a Session/);
    }
    expect(() => create(session, null)).toThrow(/must be a string or a Uint8Array/);
  });
});

it("a double barrier is for one or more", () => {
  for (const count of [0, -1, 1.5])
    expect(() => createDoubleBarrier(session, "a", count)).toThrow(RangeError);
  expect(() => createDoubleBarrier(session, "a", "2" as never)).toThrow(TypeError);
});

it("each has a name", () => {
  const services = { kv, watcher };
  for (const none of ["", new Uint8Array()]) {
    expect(() => createBarrier(services, none)).toThrow(/^key must not be empty/);
    expect(() => createQueue(services, none)).toThrow(/^prefix must not be empty/);
    expect(() => createPriorityQueue(services, none)).toThrow(/^prefix must not be empty/);
    expect(() => createDoubleBarrier(session, none, 2)).toThrow(/^key must not be empty/);
    expect(() => createRwMutex(session, none)).toThrow(/^name must not be empty/);
  }
});

it("a barrier has a key", () => {
  expect(() => createBarrier({ kv, watcher }, "")).toThrow(/key must not be empty/);
  const barrier = createBarrier({ kv, watcher }, "gate");
  barrier.key.fill(0);
  expect(Buffer.from(barrier.key).toString()).toBe("gate");
});

it("every call refuses options that it does not have, and sends nothing", async () => {
  const barrier = createBarrier({ kv, watcher }, "a");
  const queue = createQueue({ kv, watcher }, "a");
  const priorityQueue = createPriorityQueue({ kv, watcher }, "a");
  const doubleBarrier = createDoubleBarrier(session, "a", 2);
  const mutex = createRwMutex(session, "a");
  const wrong = { ttl: 1 } as never;
  const once = { idempotent: true } as never;
  const calls = [
    () => barrier.hold(wrong),
    () => barrier.hold(once),
    () => barrier.release(wrong),
    () => barrier.wait(wrong),
    () => queue.enqueue("a", wrong),
    () => queue.dequeue(wrong),
    () => queue.tryDequeue(wrong),
    () => priorityQueue.enqueue("a", 1, wrong),
    () => priorityQueue.enqueue("a", 1, once),
    () => priorityQueue.dequeue(wrong),
    () => priorityQueue.tryDequeue(wrong),
    () => doubleBarrier.enter(wrong),
    () => doubleBarrier.leave(wrong),
    () => mutex.readLock(wrong),
    () => mutex.writeLock(wrong),
    () => mutex.tryReadLock(wrong),
    () => mutex.tryWriteLock(wrong),
  ];
  for (const call of calls) await expect(call()).rejects.toThrow(/unknown option/);
  await expect(queue.enqueue(7 as never)).rejects.toThrow(/^item must be/);
  await expect(queue.dequeue({ timeoutMs: 0 })).rejects.toThrow(/^timeoutMs must be positive/);
  expect(kv.asked).toEqual([]);
});
