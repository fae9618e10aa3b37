import { getEventListeners } from "node:events";
import {
  type CallOptions,
  compare,
  EtcdError,
  type Kv,
  type KvExecutor,
  kvFrom,
  type Op,
  op,
  type RangeOp,
  type RangeResult,
  type ResponseHeader,
} from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import { callUnary, headerOf } from "@etcdkit/core/spi";
import { describe, expect, it, vi } from "vitest";
import { FakeCluster } from "../../core/test/fake-cluster.js";
import { headerAt } from "../../core/test/header-at.js";
import { ManualClock } from "../../core/test/manual-clock.js";
import type { StaleAnswer } from "./search.js";
import { withOrdering } from "./with-ordering.js";

/** Stands for a member that has not come to a revision, or for any other failure. */
type Step = bigint | EtcdError;

/** A store that answers with the given revisions, one after the other; the last one for ever. */
class Scripted implements KvExecutor {
  readonly calls: [Op, CallOptions | undefined][] = [];
  readonly keyPrefix = Uint8Array.of(0x61);
  readonly #steps: Step[];

  constructor(...steps: Step[]) {
    this.#steps = steps;
  }

  async execute(asked: Op, call?: CallOptions): Promise<never> {
    this.calls.push([asked, call]);
    call?.signal?.throwIfAborted();
    return { header: this.header(), kvs: [], more: false, count: 0 } as never;
  }

  protected header(): ResponseHeader {
    const step = this.#steps.length > 1 ? this.#steps.shift() : this.#steps[0];
    if (step instanceof Error || step === undefined) throw step;
    return { ...headerAt(step), memberId: 7n };
  }
}

/** It streams too: each answer is one chunk. */
class Streaming extends Scripted {
  readonly streams: RangeOp[] = [];
  readonly limits: (number | undefined)[] = [];

  async *stream(asked: RangeOp, call?: CallOptions): AsyncGenerator<RangeResult, void, undefined> {
    this.streams.push(asked);
    this.limits.push(call?.timeoutMs);
    const chunk = { kvs: [], more: false, count: 0 };
    const { $typeName, ...last } = this.header();
    yield { ...chunk, header: { $typeName, clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n } };
    yield { ...chunk, header: { $typeName, ...last } };
  }
}

const futureRevision = new EtcdError(
  "FUTURE_REV",
  "etcdserver: mvcc: required revision is a future revision",
);
const noGreaterRevision =
  "etcdclient: no cluster members have a revision higher than the previously received revision";

async function revisionOf(answer: Promise<{ readonly header: ResponseHeader }>): Promise<bigint> {
  return (await answer).header.revision;
}

const entries: readonly (readonly [string, (kv: Kv, call?: CallOptions) => Promise<unknown>])[] = [
  ["get", (kv, call) => kv.get("k", { serializable: true, ...call })],
  ["range", (kv, call) => kv.range({ prefix: "k" }, call)],
  ["execute", (kv, call) => kv.execute(op.range("k"), call)],
  ["scan", (kv, call) => Array.fromAsync(kv.scan({ prefix: "k" }, call))],
  ["txn that only reads", (kv, call) => kv.txn({ success: [op.range("k")], failure: [op.txn({})] }, call)],
  ["txn that only compares", (kv, call) => kv.txn({ compare: [compare.exists("k")] }, call)],
];

describe("an ordered store", () => {
  // client/v3/ordering/kv_test.go:TestKvOrdering, TestTxnOrdering
  it.each(entries)("asks again when a %s is answered from before what was seen", async (_, read) => {
    const stale: StaleAnswer[] = [];
    const store = new Scripted(5n, 5n, 7n, 6n, 3n, 7n, 9n);
    const kv = withOrdering(store, { onStale: (answer) => void stale.push(answer) });
    await read(kv); // 5
    await read(kv); // the same
    await read(kv); // 7: later
    await read(kv); // 6 and 3, then 7
    expect(stale).toEqual([
      { floor: 7n, revision: 6n, memberId: 7n, answers: 1, rounds: 0 },
      { floor: 7n, revision: 3n, memberId: 7n, answers: 2, rounds: 1 },
    ]);
    await read(kv); // 9
    expect(store.calls).toHaveLength(7);
  });

  it.each<[string, (kv: Kv) => Promise<unknown>]>([
    ["put", (kv) => kv.put("k", "v")],
    ["delete", (kv) => kv.delete("k")],
    ["txn that may write", (kv) => kv.txn({ failure: [op.txn({ success: [op.put("k", "v")] })] })],
    ["compact", (kv) => kv.compact(3n)],
  ])("asks once for a %s, whatever it answers, and counts its revision", async (_, write) => {
    const store = new Scripted(9n, 5n, 8n, 9n);
    const onStale = vi.fn();
    const kv = withOrdering(store, { onStale });
    await write(kv);
    await write(kv);
    expect(onStale).not.toHaveBeenCalled();
    expect(store.calls).toHaveLength(2);
    expect(await revisionOf(kv.range("k"))).toBe(9n);
    expect(onStale).toHaveBeenCalledTimes(1);
  });

  it("takes a revision for known from the moment it was answered, not while it is asked for", async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const onStale = vi.fn();
    const store = new Scripted(5n, 9n);
    const slow = kvFrom({
      async execute(asked, call) {
        const result = await store.execute(asked, call);
        if (store.calls.length === 1) await answered;
        return result;
      },
    });
    const kv = withOrdering(slow, { onStale });
    const early = revisionOf(kv.range("k"));
    expect(await revisionOf(kv.range("k"))).toBe(9n);
    answer();
    expect(await early).toBe(5n);
    expect(onStale).not.toHaveBeenCalled();
  });

  it("takes a refusal of a revision that another member has reached for an answer from the past", async () => {
    const seen: StaleAnswer[] = [];
    const onStale = (stale: StaleAnswer): void => void seen.push(stale);
    const store = new Scripted(9n, futureRevision, 9n, futureRevision, 9n, futureRevision);
    const kv = withOrdering(store, { onStale });
    await kv.get("k");
    expect(await revisionOf(kv.range("k", { revision: 8n }))).toBe(9n);
    const nested = op.txn({ success: [op.range("k", { revision: 2n }), op.range("k", { revision: 9n })] });
    expect(await revisionOf(kv.txn({ failure: [nested] }))).toBe(9n);
    const stale = { floor: 9n, revision: undefined, memberId: undefined, answers: 1, rounds: 0 };
    expect(seen).toEqual([stale, stale]);
    // Nobody has seen that one.
    await expect(kv.get("k", { revision: 10n })).rejects.toBe(futureRevision);
  });

  it("counts the revision of the answer when the past is read", async () => {
    const store = new Scripted(9n, 8n, 9n);
    const kv = withOrdering(store, { onStale: () => undefined });
    await kv.get("k");
    expect(await revisionOf(kv.range("k", { revision: 2n }))).toBe(9n);
    expect(store.calls).toHaveLength(3);
  });

  it("rejects as the store does, and as the handler throws", async () => {
    const denied = new EtcdError("PERMISSION_DENIED", "no");
    const tired = new Error("tired");
    const store = new Scripted(denied, 5n, 4n);
    const kv = withOrdering(store, { onStale: () => Promise.reject(tired) });
    await expect(kv.get("k")).rejects.toBe(denied);
    await kv.get("k");
    await expect(kv.get("k")).rejects.toBe(tired);
  });

  it("hands on the prefix of what it wraps, and streams only where that does", () => {
    const kv = withOrdering(new Scripted(1n));
    expect(kv.keyPrefix).toEqual(Uint8Array.of(0x61));
    expect(kv.stream).toBeUndefined();
    expect(
      withOrdering(kvFrom({ execute: () => Promise.reject(new Error("not asked")) })),
    ).not.toHaveProperty("keyPrefix");
  });

  it("refuses what is no store", () => {
    for (const store of [undefined, null, { kv: new Scripted(1n) }]) {
      expect(() => withOrdering(store as never)).toThrow(new TypeError("kv must be a Kv"));
    }
  });

  it("refuses options that it cannot use", () => {
    const store = new Scripted(1n);
    expect(() => withOrdering(store, { onStale: 5 as never })).toThrow("onStale must be a function");
    expect(() => withOrdering(store, { clock: 5 as never })).toThrow("clock must be a Clock");
    expect(() => withOrdering(store, { retries: 5 } as never)).toThrow('unknown option "retries"');
  });
});

describe("a stream of an ordered store", () => {
  async function headersOf(kv: Kv, asked: RangeOp): Promise<readonly bigint[]> {
    const chunks = await Array.fromAsync(kv.stream?.(asked) ?? []);
    return chunks.map(({ header }) => header.revision);
  }

  it("is read at a revision that is not of the past, found out first", async () => {
    const store = new Streaming(9n, 8n, 9n, 11n);
    const kv = withOrdering(store, { onStale: () => undefined });
    await kv.get("k");
    expect(await headersOf(kv, op.range({ prefix: "k" }, { serializable: true }))).toEqual([0n, 11n]);
    expect(store.streams).toMatchObject([{ revision: 9n, serializable: true }]);
    expect(store.calls.at(-1)?.[0]).toMatchObject({ countOnly: true, serializable: true });
    expect(await revisionOf(kv.range("k"))).toBe(11n);
  });

  it("goes to another member where the one that was asked has not come so far", async () => {
    const store = new Streaming(9n, futureRevision, 9n);
    const onStale = vi.fn();
    const kv = withOrdering(store, { onStale });
    await kv.get("k");
    expect(await headersOf(kv, op.range({ prefix: "k" }, { revision: 9n }))).toEqual([0n, 9n]);
    expect(store.streams).toHaveLength(2);
    expect(onStale).toHaveBeenCalledTimes(1);
  });

  it("has for each chunk the time of the call, also at another member", async () => {
    const clock = new ManualClock();
    const store = new Streaming(9n, futureRevision, 9n);
    const kv = withOrdering(store, { clock, onStale: () => clock.stall(40) });
    await kv.get("k");
    await Array.fromAsync(kv.stream?.(op.range("k", { revision: 9n }), { timeoutMs: 60 }) ?? []);
    expect(store.limits).toEqual([60, 60]);
  });

  it("ends with a header that is not of the past, also where its data is", async () => {
    const store = new Streaming(9n, 4n, 9n);
    const kv = withOrdering(store);
    await kv.get("k");
    expect(await headersOf(kv, op.range({ prefix: "k" }, { revision: 3n }))).toEqual([0n, 9n]);
    expect(store.streams).toMatchObject([{ revision: 3n }]);
  });

  it("is not repeated once it has begun, nor after any other failure", async () => {
    const denied = new EtcdError("PERMISSION_DENIED", "no");
    const store = new Streaming(9n, denied);
    const kv = withOrdering(store);
    await kv.get("k");
    await expect(headersOf(kv, op.range("k", { revision: 9n }))).rejects.toBe(denied);
    const breaking = kvFrom({
      execute: (asked, call) => store.execute(asked, call),
      async *stream() {
        yield { header: headerOf({}), kvs: [], more: false, count: 0 };
        throw futureRevision;
      },
    });
    const other = withOrdering(breaking);
    await expect(headersOf(other, op.range("k", { revision: 1n }))).rejects.toBe(futureRevision);
    expect(store.streams).toHaveLength(1);
  });
});

describe("without a handler", () => {
  it("gives up after five rounds, for each read anew", async () => {
    const clock = new ManualClock();
    const store = new Scripted(9n, 8n);
    const kv = withOrdering(store, { clock });
    await kv.get("k");
    for (let i = 0; i < 2; i++) {
      const failed = kv.get("k").catch((error: unknown) => error);
      await clock.advance(5_000);
      expect(await failed).toMatchObject({ code: "NO_GREATER_REV", message: noGreaterRevision });
      expect(await failed).not.toHaveProperty("outcome");
      // Where no endpoints are known, one is assumed: it may be wrong five times, as with Go.
      expect(store.calls).toHaveLength(1 + (i + 1) * 6);
    }
    expect(clock.timers).toEqual([]);
  });

  it("pauses between rounds, longer each time, and stops at the deadline of the call", async () => {
    const clock = new ManualClock();
    const store = new Scripted(9n, 8n);
    const kv = withOrdering(store, { clock });
    await kv.get("k");
    const began = clock.now();
    const failed = kv.get("k", { timeoutMs: 60 }).catch((error: unknown) => error);
    await clock.settle();
    expect(store.calls.slice(1).map(([, call]) => call?.timeoutMs)).toEqual([60, 60]);
    const [pause] = clock.timers;
    expect(pause?.keepAlive).toBe(true);
    expect(pause?.dueInMs).toBeGreaterThanOrEqual(25);
    expect(pause?.dueInMs).toBeLessThanOrEqual(50);
    await clock.advance(60);
    expect(await failed).toMatchObject({
      code: "DEADLINE",
      message: "no member that is at revision 9 answered within 60 ms",
      cause: { code: "NO_GREATER_REV" },
    });
    expect(clock.now() - began).toBe(60);
    const third = store.calls[3]?.[1]?.timeoutMs;
    expect(third).toBeGreaterThanOrEqual(10);
    expect(third).toBeLessThanOrEqual(35);
  });

  it("ends with the reason of the signal during a pause, and leaves nothing on it", async () => {
    const clock = new ManualClock();
    const kv = withOrdering(new Scripted(9n, 8n), { clock });
    await kv.get("k");
    const controller = new AbortController();
    const failed = kv.get("k", { signal: controller.signal }).catch((error: unknown) => error);
    await clock.settle();
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await failed).toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    expect(clock.timers).toEqual([]);
  });

  it("does not ask again after an abort that the handler waited through", async () => {
    const controller = new AbortController();
    const store = new Scripted(9n, 8n);
    const kv = withOrdering(store, { onStale: async () => controller.abort("enough") });
    await kv.get("k");
    await expect(kv.get("k", { signal: controller.signal })).rejects.toBe("enough");
    expect(store.calls).toHaveLength(2);
  });
});

describe("a handler that takes its time", () => {
  const never = (): Promise<void> => new Promise(() => undefined);

  it("holds up nobody who has aborted, and what becomes of it then is its own affair", async () => {
    const clock = new ManualClock();
    let fail = (_: Error): void => undefined;
    const decision = new Promise<void>((_, reject) => {
      fail = reject;
    });
    const store = new Scripted(9n, 8n);
    const kv = withOrdering(store, { clock, onStale: () => decision });
    await kv.get("k");
    const controller = new AbortController();
    const failed = kv.get("k", { signal: controller.signal }).catch((error: unknown) => error);
    await clock.settle();
    const reason = new Error("changed my mind");
    controller.abort(reason);
    expect(await failed).toBe(reason);
    fail(new Error("too late to tell"));
    await clock.settle();
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    expect(clock.timers).toEqual([]);
    expect(store.calls).toHaveLength(2);
  });

  it("takes it from the time of the call", async () => {
    const clock = new ManualClock();
    const kv = withOrdering(new Scripted(9n, 8n), { clock, onStale: never });
    await kv.get("k");
    const failed = kv.get("k", { timeoutMs: 60 }).catch((error: unknown) => error);
    await clock.advance(60);
    expect(await failed).toMatchObject({
      code: "DEADLINE",
      message: "no member that is at revision 9 answered within 60 ms",
      cause: { code: "NO_GREATER_REV" },
    });
    expect(clock.timers).toEqual([]);
  });

  it("leaves nothing behind when it has decided", async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const kv = withOrdering(new Scripted(9n, 8n, 9n), { clock, onStale: async () => undefined });
    await kv.get("k");
    await kv.get("k", { signal, timeoutMs: 60 });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(clock.timers).toEqual([]);
  });
});

describe("over a connection", () => {
  const [a, b, c] = ["http://a:2379", "http://b:2379", "http://c:2379"];

  /** Members at revisions of their own. */
  async function setUp(revisions: Readonly<Record<string, bigint>>, balancing: "round-robin" | "pick-first") {
    const cluster = new FakeCluster();
    cluster.answer = ({ url }) => ({ header: { revision: revisions[url] ?? 0n, memberId: 1n } });
    const connection = cluster.connect(Object.keys(revisions), { balancing });
    await connection.ready();
    await cluster.clock.settle();
    const store = kvFrom({
      async execute(asked, call) {
        if (asked.type !== "range") throw new TypeError("only ranges here");
        const answer = await callUnary(connection.transport, KV.method.range, { key: asked.key }, call);
        return { header: headerOf(answer), kvs: [], more: false, count: 0 } as never;
      },
    });
    return { cluster, connection, store, kv: withOrdering(store, { clock: cluster.clock }) };
  }

  it.each(["round-robin", "pick-first"] as const)(
    "moves away from members that are behind: %s",
    async (how) => {
      const revisions = { [a]: 9n, [b]: 9n, [c]: 9n };
      const { cluster, connection, store, kv } = await setUp(revisions, how);
      await using _ = connection;
      await kv.range("k");
      Object.assign(revisions, { [a]: 8n, [b]: 8n });
      const before = cluster.route.length;
      // Others that read in step do not keep it from getting there.
      const others = Array.from({ length: 20 }, () => store.range("k"));
      expect(await revisionOf(kv.range("k"))).toBe(9n);
      await Promise.all(others);
      expect(cluster.route.length - before).toBeLessThanOrEqual(others.length + 3);
      expect(cluster.clock.timers.filter(({ dueInMs }) => dueInMs < 1_000)).toEqual([]);
    },
  );

  it("asks all of three members five times over before it gives up", async () => {
    const revisions = { [a]: 9n, [b]: 9n, [c]: 9n };
    const { cluster, connection, kv } = await setUp(revisions, "round-robin");
    await using _ = connection;
    await kv.range("k");
    Object.assign(revisions, { [a]: 8n, [b]: 8n, [c]: 8n });
    const before = cluster.route.length;
    const failed = kv.range("k").catch((error: unknown) => error);
    await cluster.clock.advance(5_000);
    expect(await failed).toMatchObject({ code: "NO_GREATER_REV" });
    const counts = [a, b, c].map((url) => cluster.route.slice(before).filter((one) => one === url).length);
    expect(counts.toSorted()).toEqual([5, 5, 6]);
  });

  it("gets its answer when a member catches up in a pause", async () => {
    const revisions = { [a]: 9n, [b]: 9n };
    const { cluster, connection, kv } = await setUp(revisions, "round-robin");
    await using _ = connection;
    await kv.range("k");
    Object.assign(revisions, { [a]: 8n, [b]: 8n });
    const pending = revisionOf(kv.range("k"));
    await cluster.clock.settle();
    revisions[b] = 10n;
    await cluster.clock.advance(1_000);
    expect(await pending).toBe(10n);
  });
});
