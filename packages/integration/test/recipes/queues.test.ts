import { utf8 } from "@etcdkit/core";
import { createPriorityQueue, createQueue, type Dequeue, itemsOf } from "@etcdkit/recipes";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { nth, participant, participants, settledOf } from "./participants.js";

/** Takes so many items, by several consumers at once. */
async function takeAll(queues: readonly Dequeue[], count: number): Promise<string[]> {
  const taken: string[] = [];
  let asked = 0;
  await Promise.all(
    queues.map(async (queue) => {
      while (asked < count) {
        asked++;
        taken.push(utf8(await queue.dequeue()));
      }
    }),
  );
  return taken;
}

/** `writer/number` for so many writers and numbers. */
function itemsOfWriters(writers: number, count: number): string[] {
  return Array.from({ length: writers * count }, (_, i) => `${i % writers}/${Math.floor(i / writers)}`);
}

/** The items of one writer, in the order in which they were taken. */
function numbersOf(writer: number, taken: readonly string[]): number[] {
  return taken.filter((item) => item.startsWith(`${writer}/`)).map((item) => Number(item.split("/")[1]));
}

const inOrder = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describeEachEtcd("a queue", (etcd) => {
  const shared = etcd.shared();

  // experimental/recipes/v3_queue_test.go:TestQueueOneReaderOneWriter
  it.concurrent("gives items in the order in which they were put there", async () => {
    await using programs = await participants(shared, 2);
    const prefix = uniqueKey("queue");
    const [writer, reader] = programs.all.map((program) => createQueue(program, prefix));
    const { kv } = nth(programs.all, 0);
    if (writer === undefined || reader === undefined) throw new Error("nobody there");
    let before = 0n;
    for (let i = 0; i < 5; i++) {
      const { revision } = await writer.enqueue(`${i}`);
      expect(revision > before).toBe(true);
      before = revision;
    }
    for (const { key, lease } of (await kv.range({ prefix })).kvs) {
      expect(utf8(key).slice(prefix.length)).toMatch(/^\/[0-9]{19}$/);
      expect(lease).toBe(0n);
    }
    for (let i = 0; i < 5; i++) expect(utf8(await reader.dequeue())).toBe(`${i}`);
    expect(await reader.tryDequeue()).toBeUndefined();
    expect((await kv.range({ prefix })).count).toBe(0);
  });

  // experimental/recipes/v3_queue_test.go:TestQueueManyReaderOneWriter, TestQueueOneReaderManyWriter,
  // TestQueueManyReaderManyWriter
  it.concurrent.each([
    { readers: 8, writers: 1 },
    { readers: 1, writers: 8 },
    { readers: 8, writers: 8 },
  ])(
    "gives each item once, to $readers readers from $writers writers",
    async ({ readers, writers }) => {
      await using programs = await participants(shared, 4);
      const prefix = uniqueKey("queue");
      const queue = (i: number) => createQueue(nth(programs.all, i % 4), prefix);
      const each = 20;
      const taking = takeAll(
        Array.from({ length: readers }, (_, i) => queue(i)),
        writers * each,
      );
      await Promise.all(
        Array.from({ length: writers }, async (_, writer) => {
          const own = queue(writer);
          for (let i = 0; i < each; i++) await own.enqueue(`${writer}/${i}`);
        }),
      );
      const taken = await taking;
      expect(taken.toSorted()).toEqual(itemsOfWriters(writers, each).toSorted());
      if (readers > 1) return;
      for (let writer = 0; writer < writers; writer++)
        expect(numbersOf(writer, taken)).toEqual(inOrder(each));
    },
    180_000,
  );

  it.concurrent("serves the waits of one object in their order", async () => {
    await using program = participant(shared);
    const queue = createQueue(program, uniqueKey("queue"));
    const waits = Array.from({ length: 10 }, () => queue.dequeue());
    for (let i = 0; i < 10; i++) await queue.enqueue(`${i}`);
    expect((await Promise.all(waits)).map(utf8)).toEqual(inOrder(10).map(String));
  });

  // C-23: Go reads "jobs" and takes the items of "jobs2" as well.
  it.concurrent("takes no item of a queue whose name begins with its own", async () => {
    await using program = participant(shared);
    const prefix = uniqueKey("queue");
    const longer = createQueue(program, `${prefix}2`);
    await longer.enqueue("not mine");
    const queue = createQueue(program, prefix);
    expect(await queue.tryDequeue()).toBeUndefined();
    const waiting = queue.dequeue();
    const served = settledOf([waiting]);
    await program.watching(1);
    await longer.enqueue("nor this");
    expect(served()).toBe(0);
    await queue.enqueue("mine");
    expect(utf8(await waiting)).toBe("mine");
    expect(utf8(await longer.dequeue())).toBe("not mine");
  });

  it.concurrent("takes items in the order of writes, also those that others have put under names of their own", async () => {
    await using program = participant(shared);
    const prefix = uniqueKey("queue");
    for (const name of ["30", "10", "20"]) await program.kv.put(`${prefix}/${name}`, name);
    const queue = createQueue(program, prefix);
    expect((await takeAll([queue], 3)).join()).toBe("30,10,20");
  });

  it.concurrent("keeps the order when it is long, and taken from by many, and items are written again", async () => {
    await using programs = await participants(shared, 3);
    const prefix = uniqueKey("queue");
    const [one, two, writer] = programs.all;
    if (one === undefined || two === undefined || writer === undefined) throw new Error("nobody there");
    const queue = createQueue(writer, prefix);
    const count = 160;
    const keys: Uint8Array[] = [];
    for (let i = 0; i < count; i++) keys.push((await queue.enqueue(`0/${i}`)).key);
    const [first, second] = [createQueue(one, prefix), createQueue(two, prefix)];
    expect(utf8(await first.dequeue())).toBe("0/0");
    await writer.kv.put(nth(keys, 5), "0/160");
    await queue.enqueue("0/161");
    const taken: string[] = [];
    for (let i = 0; i < 40; i++) taken.push(...[await second.dequeue(), await first.dequeue()].map(utf8));
    expect(numbersOf(0, taken)).toEqual([1, 2, 3, 4, ...inOrder(82).slice(6)]);
    const rest = await takeAll([first, second, first, second], count - 80);
    const left = inOrder(162).slice(82);
    expect(numbersOf(0, rest).toSorted((a, b) => a - b)).toEqual(left);
    expect(await first.tryDequeue()).toBeUndefined();
  }, 180_000);

  // F73
  it.concurrent("is waited for no longer than the caller wants, and loses nothing by it", async () => {
    await using program = participant(shared);
    const queue = createQueue(program, uniqueKey("queue"));
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const first = queue.dequeue({ signal: controller.signal });
    const second = queue.dequeue();
    const third = queue.dequeue({ signal: controller.signal });
    await program.watching(1);
    controller.abort(reason);
    await Promise.all([first, third].map((call) => expect(call).rejects.toBe(reason)));
    const { error } = await rejection(() => queue.dequeue({ timeoutMs: 1_000 }));
    expect(error.code).toBe("DEADLINE");
    expect(error.message).toMatch(/1000 ms, waiting for an item$/);
    await queue.enqueue("for the second");
    expect(utf8(await second)).toBe("for the second");
  });

  // An abort may come at any moment: before, while and after an item is removed.
  it.concurrent("loses no item to calls that are aborted", async () => {
    await using programs = await participants(shared, 2);
    const prefix = uniqueKey("queue");
    const [writer, reader] = programs.all.map((program) => createQueue(program, prefix));
    if (writer === undefined || reader === undefined) throw new Error("nobody there");
    const count = 100;
    const taken: string[] = [];
    // Where an answer took longer than an abort waits for it.
    const maybeTaken: string[] = [];
    let [done, aborted] = [false, 0];
    const reading = (async () => {
      for (let round = 0; !done; round++) {
        const controller = new AbortController();
        const reason = new Error("enough");
        const timer = setTimeout(() => controller.abort(reason), (round % 8) / 2);
        try {
          taken.push(utf8(await reader.dequeue({ signal: controller.signal })));
        } catch (error) {
          expect(error).toBe(reason);
          maybeTaken.push(...itemsOf(error).map(utf8));
          aborted++;
        }
        clearTimeout(timer);
      }
    })();
    for (let i = 0; i < count; i++) await writer.enqueue(`${i}`);
    done = true;
    await reading;
    for (let item = await reader.tryDequeue(); item !== undefined; item = await reader.tryDequeue()) {
      taken.push(utf8(item));
    }
    const lost = inOrder(count)
      .map(String)
      .filter((item) => !(taken.includes(item) || maybeTaken.includes(item)));
    expect(lost).toEqual([]);
    // In order, and each once.
    expect(taken.map(Number)).toEqual([...new Set(taken.map(Number))].toSorted((a, b) => a - b));
    expect(aborted).toBeGreaterThan(0);
  });
});

describeEachEtcd("a priority queue", (etcd) => {
  const shared = etcd.shared();

  // experimental/recipes/v3_queue_test.go:TestPrQueueOneReaderOneWriter
  it.concurrent("gives the lowest priority number first, and items of one priority in their order", async () => {
    await using programs = await participants(shared, 2);
    const prefix = uniqueKey("priority");
    const [writer, reader] = programs.all.map((program) => createPriorityQueue(program, prefix));
    if (writer === undefined || reader === undefined) throw new Error("nobody there");
    const priorities = [3, 0, 65_535, 3, 1, 0, 10, 2, 3, 256];
    for (const [i, priority] of priorities.entries()) await writer.enqueue(`${priority}/${i}`, priority);
    const taken = await takeAll([reader], priorities.length);
    expect(taken).toEqual(["0/1", "0/5", "1/4", "2/7", "3/0", "3/3", "3/8", "10/6", "256/9", "65535/2"]);
  });

  it.concurrent("has the keys that Go's has", async () => {
    await using program = participant(shared);
    const prefix = uniqueKey("priority");
    const queue = createPriorityQueue(program, prefix);
    const { key, revision } = await queue.enqueue("a", 7);
    expect(utf8(key)).toBe(`${prefix}/00007/0000000000000000`);
    await queue.enqueue("b", 7);
    await program.kv.put(`${prefix}/00007/0000000000000041`, "c");
    await queue.enqueue("d", 7);
    const { kvs } = await program.kv.range({ prefix });
    expect(kvs.map((pair) => `${utf8(pair.key).slice(prefix.length)}=${utf8(pair.value)}`)).toEqual([
      "/00007/0000000000000000=a",
      "/00007/0000000000000001=b",
      "/00007/0000000000000041=c",
      "/00007/0000000000000042=d",
    ]);
    expect(kvs[0]?.modRevision).toBe(revision);
    const bookkeeping = await program.kv.get(`__${prefix}/00007`);
    expect(bookkeeping).toMatchObject({ value: new Uint8Array(), lease: 0n, version: 3n });
  });

  // experimental/recipes/v3_queue_test.go:TestPrQueueManyReaderManyWriter
  it.concurrent("gives each item once, to many readers from many writers", async () => {
    await using programs = await participants(shared, 4);
    const prefix = uniqueKey("priority");
    const queue = (i: number) => createPriorityQueue(nth(programs.all, i % 4), prefix);
    const [writers, each] = [8, 12];
    const taking = takeAll(
      Array.from({ length: 8 }, (_, i) => queue(i)),
      writers * each,
    );
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const own = queue(writer);
        for (let i = 0; i < each; i++) await own.enqueue(`${writer}/${i}`, i % 3);
      }),
    );
    expect((await taking).toSorted()).toEqual(itemsOfWriters(writers, each).toSorted());
  });

  // The number of an item that was taken meanwhile must not come again: behind it another one may stand already.
  it.concurrent("keeps the order of one priority when producers and consumers meet", async () => {
    await using programs = await participants(shared, 3);
    const prefix = uniqueKey("priority");
    const [writer, otherWriter, reader] = programs.all.map((program) => createPriorityQueue(program, prefix));
    if (writer === undefined || otherWriter === undefined || reader === undefined)
      throw new Error("nobody there");
    const each = 40;
    const taking = takeAll([reader], 2 * each);
    await Promise.all(
      [writer, otherWriter].map(async (own, name) => {
        for (let i = 0; i < each; i++) await own.enqueue(`${name}/${i}`, 5);
      }),
    );
    const taken = await taking;
    for (const name of [0, 1]) expect(numbersOf(name, taken)).toEqual(inOrder(each));
  });

  it.concurrent("is waited for, and waits are aborted", async () => {
    await using program = participant(shared);
    const queue = createPriorityQueue(program, uniqueKey("priority"));
    expect(await queue.tryDequeue()).toBeUndefined();
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const waiting = queue.dequeue({ signal: controller.signal });
    await program.watching(1);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(queue.enqueue("a", 0, { signal: controller.signal })).rejects.toBe(reason);
    const second = queue.dequeue();
    await program.watching(2);
    await queue.enqueue("a", 0);
    expect(utf8(await second)).toBe("a");
  });
});
