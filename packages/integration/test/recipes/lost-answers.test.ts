import { openSession } from "@etcdkit/concurrency";
import { type Kv, kvFrom, outcomeOf, utf8 } from "@etcdkit/core";
import { createPriorityQueue, createQueue, createRwMutex, itemsOf, type Queue } from "@etcdkit/recipes";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { within } from "../support/within.js";
import {
  nth,
  type Participant,
  participant,
  participantOn,
  sessionWith,
  untilCount,
} from "./participants.js";

/** A store that does something right before a transaction leaves. */
function beforeTxns(kv: Kv, act: () => unknown): Kv {
  return kvFrom({
    async execute(op, call) {
      if (op.type === "txn") await act();
      return await kv.execute(op, call);
    },
  });
}

/** What writers and readers of queues were told. */
class Books {
  readonly written: string[] = [];
  readonly maybeWritten: string[] = [];
  readonly taken: string[] = [];
  readonly maybeTaken: string[] = [];
  readonly #foreign: unknown[] = [];

  async write(queue: Queue, item: string): Promise<void> {
    while (true) {
      try {
        await queue.enqueue(item);
        this.written.push(item);
        return;
      } catch (error) {
        if (outcomeOf(error) === "not-applied") continue;
        if (outcomeOf(error) !== "unknown") this.#foreign.push(error);
        this.maybeWritten.push(item);
        return;
      }
    }
  }

  async read(queue: Queue, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.taken.push(utf8(await queue.dequeue({ signal })));
      } catch (error) {
        this.maybeTaken.push(...itemsOf(error).map(utf8));
      }
    }
  }

  /** How the books differ from the truth that each item is taken once. */
  get differences() {
    const taken = new Set(this.taken);
    const known = new Set([...this.written, ...this.maybeWritten]);
    const maybe = new Set(this.maybeTaken);
    return {
      lost: this.written.filter((item) => !(taken.has(item) || maybe.has(item))).length,
      duplicated: this.taken.length - taken.size,
      foreign: this.taken.filter((item) => !known.has(item)).length + this.#foreign.length,
    };
  }
}

describeEachEtcd("a queue behind links that break", (etcd) => {
  const shared = etcd.shared();

  const behindBridge = async (bridge: Bridge): Promise<Participant> => {
    const program = participantOn(shared.connect({ endpoints: bridge.endpoint }));
    await program.connection.ready();
    return program;
  };

  it("gives each item once, to many readers from many writers", async () => {
    const [programs, writersEach, each] = [4, 2, 40];
    // Two links each: while one is made anew the other one works.
    const bridges = await Promise.all(
      Array.from({ length: 2 * programs }, () => openBridge(shared.endpoints[0] ?? "")),
    );
    const all = Array.from({ length: programs }, (_, p) => {
      const endpoints = [nth(bridges, 2 * p).endpoint, nth(bridges, 2 * p + 1).endpoint];
      return participantOn(shared.connect({ endpoints }));
    });
    await Promise.all(all.map(({ connection }) => connection.ready()));
    await using direct = participant(shared);
    const prefix = uniqueKey("queue");
    const books = new Books();
    const ended = new AbortController();
    const reading = all.flatMap((program) =>
      [0, 1].map(() => books.read(createQueue(program, prefix), ended.signal)),
    );
    let cuts = 0;
    const writing = all.flatMap((program, p) =>
      Array.from({ length: writersEach }, async (_, w) => {
        const queue = createQueue(program, prefix);
        for (let i = 0; i < each; i++) {
          await books.write(queue, `${p}/${w}/${i}`);
          if (i % 6 === w) {
            // Each time another link, at another moment of what goes on there.
            nth(bridges, (p + i) % bridges.length).cut();
            cuts++;
          }
        }
      }),
    );
    await Promise.all(writing);
    ended.abort(new Error("enough"));
    await Promise.all(reading);
    const rest = createQueue(direct, prefix);
    for (let item = await rest.tryDequeue(); item !== undefined; item = await rest.tryDequeue()) {
      books.taken.push(utf8(item));
    }
    for (const program of all) await program[Symbol.asyncDispose]();
    for (const bridge of bridges) await bridge.close();
    const { differences, written, maybeWritten, maybeTaken } = books;
    console.info(
      `queue under link cuts (etcd ${etcd.version}): ${cuts} cuts, ${written.length} items stored, ${maybeWritten.length} perhaps, ` +
        `lost: ${differences.lost}, given twice: ${differences.duplicated}, given back as uncertain: ${maybeTaken.length}`,
    );
    expect(differences).toEqual({ lost: 0, duplicated: 0, foreign: 0 });
    expect(written.length + maybeWritten.length).toBe(programs * writersEach * each);
  }, 180_000);

  // A long queue is read from what is remembered of it.
  it.concurrent("keeps the order of a long queue that is taken from elsewhere too", async () => {
    // Two links: while one is made anew the other one works.
    await using one = await openBridge(shared.endpoints[0] ?? "");
    await using two = await openBridge(shared.endpoints[0] ?? "");
    await using program = participantOn(shared.connect({ endpoints: [one.endpoint, two.endpoint] }));
    await using direct = participant(shared);
    const prefix = uniqueKey("queue");
    const [queue, elsewhere] = [createQueue(program, prefix), createQueue(direct, prefix)];
    const count = 240;
    for (let i = 0; i < count; i++) await elsewhere.enqueue(`${i}`);
    const taken: number[] = [];
    const maybeTaken: number[] = [];
    let cuts = 0;
    const left = async (): Promise<number> => (await direct.kv.range({ prefix }, { countOnly: true })).count;
    for (let round = 0; (await left()) > 0; round++) {
      if (round % 10 === 0) {
        // Each time within another answer.
        const bridge = round % 20 === 0 ? one : two;
        const bytes = 1 + ((round * 7) % 200);
        void bridge.cutAfter(bytes, "toClient").then(
          () => cuts++,
          () => undefined,
        );
      }
      for (const consumer of [queue, elsewhere]) {
        try {
          const item = await consumer.tryDequeue();
          if (item !== undefined) taken.push(Number(utf8(item)));
        } catch (error) {
          maybeTaken.push(...itemsOf(error).map((item) => Number(utf8(item))));
        }
      }
    }
    const ascending = taken.toSorted((a, b) => a - b);
    expect(taken).toEqual(ascending);
    const all = new Set([...taken, ...maybeTaken]);
    expect(all.size).toBe(count);
    expect(new Set(taken).size).toBe(taken.length);
    expect(cuts).toBeGreaterThan(0);
  }, 180_000);

  it.concurrent("says that an item may be stored whose answer was lost, and does not store it again", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using program = await behindBridge(bridge);
    await using direct = participant(shared);
    const { kv, watcher } = program;
    for (const kind of ["plain", "priority"]) {
      const prefix = uniqueKey("queue");
      let lost: Promise<void> | undefined;
      const services = {
        kv: beforeTxns(kv, () => {
          lost = bridge.dropAnswersThenCut({ quietMs: 500 });
        }),
        watcher,
      };
      const { error } = await rejection(() =>
        kind === "plain"
          ? createQueue(services, prefix).enqueue("item")
          : createPriorityQueue(services, prefix).enqueue("item", 0),
      );
      expect(error.outcome).toBe("unknown");
      await lost;
      const stored = await direct.kv.range({ prefix: `${prefix}/` });
      expect(stored.kvs.map(({ value }) => utf8(value))).toEqual(["item"]);
    }
  });

  it.concurrent("gives back the item whose removal may have happened", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using program = await behindBridge(bridge);
    await using direct = participant(shared);
    const prefix = uniqueKey("queue");
    await createQueue(direct, prefix).enqueue("item");
    let lost: Promise<void> | undefined;
    const kv = beforeTxns(program.kv, () => {
      lost = bridge.dropAnswersThenCut({ quietMs: 500 });
    });
    const { error } = await rejection(() => createQueue({ kv, watcher: program.watcher }, prefix).dequeue());
    await lost;
    expect(error.outcome).toBe("unknown");
    expect(itemsOf(error).map(utf8)).toEqual(["item"]);
    expect(JSON.stringify(error)).not.toContain('item"');
    expect(await createQueue(direct, prefix).tryDequeue()).toBeUndefined();
  });

  it.concurrent("returns the item of a call that is aborted while its answer is on its way", async () => {
    await using program = participant(shared);
    const prefix = uniqueKey("queue");
    await createQueue(program, prefix).enqueue("item");
    const controller = new AbortController();
    const kv = beforeTxns(program.kv, () => controller.abort(new Error("changed my mind")));
    const queue = createQueue({ kv, watcher: program.watcher }, prefix);
    expect(utf8(await queue.dequeue({ signal: controller.signal }))).toBe("item");
    await expect(queue.dequeue({ signal: controller.signal })).rejects.toBe(controller.signal.reason);
  });

  it.concurrent.each(["abort", "time limit"])(
    "ends soon after its %s when the server is silent, and gives back the item",
    async (what) => {
      await using bridge = await openBridge(shared.endpoints[0] ?? "");
      await using program = await behindBridge(bridge);
      await using direct = participant(shared);
      const prefix = uniqueKey("queue");
      await createQueue(direct, prefix).enqueue("item");
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const limitMs = 2_000;
      let silence: () => void = () => undefined;
      const silent = new Promise<void>((resolve) => {
        silence = resolve;
      });
      const kv = beforeTxns(program.kv, async () => {
        await bridge.blackhole();
        if (what === "abort") controller.abort(reason);
        silence();
      });
      const queue = createQueue({ kv, watcher: program.watcher }, prefix);
      const options = what === "abort" ? { signal: controller.signal } : { timeoutMs: limitMs };
      const ended = queue.dequeue(options).catch((failure: unknown) => failure);
      await silent;
      // Half a second is for the answer.
      expect(await within(ended)).toBeLessThan((what === "abort" ? 0 : limitMs) + 1_000);
      const error = await ended;
      if (what === "abort") expect(error).toBe(reason);
      else expect(error).toMatchObject({ code: "DEADLINE", outcome: "unknown" });
      expect(outcomeOf(error)).toBe("unknown");
      expect(itemsOf(error).map(utf8)).toEqual(["item"]);
    },
  );
});

describeEachEtcd("a read-write lock behind a link that breaks", (etcd) => {
  const shared = etcd.shared();

  // F08, F68: with the answer lost the key is there, and is found to be one's own.
  it("is taken once when the answer is lost, and is there for the next one after it", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using program = participantOn(shared.connect({ endpoints: bridge.endpoint }));
    await using direct = participant(shared);
    const session = await openSession(program, { ttlSeconds: 20 });
    const name = uniqueKey("rw");
    let first = true;
    const kv = beforeTxns(session.kv, () => {
      if (first) void bridge.dropAnswersThenCut().catch(() => undefined);
      first = false;
    });
    const lock = await createRwMutex(sessionWith(session, kv), name).writeLock();
    const { kvs } = await direct.kv.range({ prefix: name });
    expect(kvs.map(({ key }) => utf8(key))).toEqual([utf8(lock.key)]);
    expect(lock.isHeld()).toBe(true);
    await lock.unlock();
    expect((await direct.kv.range({ prefix: name })).count).toBe(0);
    await session.close();
  });

  it("leaves no key when its caller gives up while the link is silent", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using program = participantOn(shared.connect({ endpoints: bridge.endpoint }));
    await using direct = participant(shared);
    const session = await openSession(program, { ttlSeconds: 20 });
    const name = uniqueKey("rw");
    const kv = beforeTxns(session.kv, () => bridge.blackhole("toClient"));
    const mutex = createRwMutex(sessionWith(session, kv), name);
    const giving = rejection(() => mutex.writeLock({ timeoutMs: 1_000 }));
    expect(await within(giving)).toBeLessThan(2_000);
    expect((await giving).error.code).toBe("DEADLINE");
    await untilCount(direct, name, 1);
    await bridge.pass();
    await untilCount(direct, name, 0);
    await session.close();
  });
});
