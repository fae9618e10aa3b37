import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { utf8 } from "../bytes.js";
import type { CallOptions } from "../call-options.js";
import { EtcdError } from "../errors/etcd-error.js";
import { ResponseHeaderSchema } from "../gen/etcdserverpb/rpc_pb.js";
import { type KeyValue, KeyValueSchema } from "../gen/mvccpb/kv_pb.js";
import type { KvExecutor } from "./kv.js";
import { kvFrom } from "./kv-from.js";
import type { Op, RangeOp } from "./op.js";
import type { RangeResult, ResultOf } from "./results.js";

const revision = 42n;

/** A store of the keys k0, k1, … that answers ranges as etcd does, and logs them. */
class Store implements KvExecutor {
  readonly log: [kind: "page" | "chunk", op: RangeOp, call: CallOptions | undefined][] = [];
  readonly #keys: readonly KeyValue[];
  stream?: (op: RangeOp, call?: CallOptions) => AsyncIterable<RangeResult>;
  /** How many chunk streams are open. */
  streaming = 0;

  constructor(count: number) {
    this.#keys = Array.from({ length: count }, (_, i) =>
      create(KeyValueSchema, { key: new TextEncoder().encode(`k${i}`), modRevision: 1n }),
    );
  }

  execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    if (op.type !== "range") throw new Error("only ranges");
    this.log.push(["page", op, call]);
    return Promise.resolve(this.#read(op) as ResultOf<O>);
  }

  /** Streams chunks of two keys; after `failAfter` of them it throws `error`. */
  streamFailing(failAfter: number, error: unknown): this {
    this.stream = (op, call) => this.#chunks(op, call, failAfter, error);
    return this;
  }

  async *#chunks(
    op: RangeOp,
    call: CallOptions | undefined,
    failAfter: number,
    error: unknown,
  ): AsyncGenerator<RangeResult> {
    this.log.push(["chunk", op, call]);
    this.streaming++;
    try {
      const { kvs, ...rest } = this.#read(op);
      yield { ...rest, kvs: [] };
      for (let i = 0; i < kvs.length; i += 2) {
        if (i / 2 === failAfter) throw error;
        yield { ...rest, kvs: kvs.slice(i, i + 2) };
      }
      if (failAfter * 2 >= kvs.length && error !== undefined) throw error;
    } finally {
      this.streaming--;
    }
  }

  #read(op: RangeOp): RangeResult {
    const from = utf8(op.key);
    const left = this.#keys.filter(({ key }) => utf8(key) >= from);
    const kvs = left.slice(0, op.limit);
    const header = create(ResponseHeaderSchema, { revision });
    return { header, kvs, more: kvs.length < left.length, count: left.length };
  }
}

function names(batches: readonly (readonly KeyValue[])[]): string[][] {
  return batches.map((kvs) => kvs.map(({ key }) => utf8(key)));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const range = { prefix: "k" };
const all = ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"];

describe("scan", () => {
  it("needs one request for a range that fits a page, and yields nothing for an empty one", async () => {
    const store = new Store(3).streamFailing(0, new Error("must not stream"));
    expect(names(await collect(kvFrom(store).scan(range)))).toEqual([["k0", "k1", "k2"]]);
    expect(store.log.map(([kind, { limit }]) => [kind, limit])).toEqual([["page", 1000]]);
    expect(await collect(kvFrom(new Store(0)).scan(range))).toEqual([]);
  });

  it("pages at the revision of the first answer, from after the last key, where the executor cannot stream", async () => {
    const store = new Store(8);
    const batches = await collect(
      kvFrom(store).scan(range, { pageSize: 3, keysOnly: true, serializable: true }),
    );
    expect(names(batches)).toEqual([
      ["k0", "k1", "k2"],
      ["k3", "k4", "k5"],
      ["k6", "k7"],
    ]);
    expect(
      store.log.map(([, op]) => [utf8(op.key), op.revision, op.limit, op.keysOnly, op.serializable]),
    ).toEqual([
      ["k", undefined, 3, true, true],
      ["k2\0", revision, 3, true, true],
      ["k5\0", revision, 3, true, true],
    ]);
    expect(store.log.every(([, { rangeEnd }]) => rangeEnd !== undefined && utf8(rangeEnd) === "l")).toBe(
      true,
    );
  });

  it("reads at the revision it was asked for, not at the newest", async () => {
    const store = new Store(4);
    await collect(kvFrom(store).scan(range, { pageSize: 2, revision: 7n }));
    expect(store.log.map(([, op]) => op.revision)).toEqual([7n, 7n]);
  });

  it("streams what the first page left over", async () => {
    const store = new Store(8).streamFailing(Number.POSITIVE_INFINITY, undefined);
    const batches = await collect(kvFrom(store).scan(range, { pageSize: 3 }));
    expect(names(batches)).toEqual([["k0", "k1", "k2"], ["k3", "k4"], ["k5", "k6"], ["k7"]]);
    expect(store.log.map(([kind, op]) => [kind, utf8(op.key), op.revision, op.limit])).toEqual([
      ["page", "k", undefined, 3],
      ["chunk", "k2\0", revision, undefined],
    ]);
    expect(store.streaming).toBe(0);
  });

  it.each([
    ["a server that cannot stream", new EtcdError("UNIMPLEMENTED", "unknown method"), 0],
    ["a link that breaks", new EtcdError("UNAVAILABLE", "connection lost"), 1],
    [
      "a leader that changes",
      new EtcdError("LEADER_CHANGED", "leader changed", { grpcCode: "UNAVAILABLE" }),
      2,
    ],
    ["a link that breaks after the last chunk", new EtcdError("UNAVAILABLE", "connection lost"), 3],
  ])("goes on in pages after %s, with each key once", async (_, error, failAfter) => {
    const store = new Store(8).streamFailing(failAfter, error);
    const batches = await collect(kvFrom(store).scan(range, { pageSize: 3 }));
    expect(names(batches).flat()).toEqual(all);
    const last = store.log.at(-1);
    expect([last?.[0], last?.[1].revision]).toEqual(["page", revision]);
  });

  it.each([
    ["its revision is compacted", new EtcdError("COMPACTED", "compacted", { grpcCode: "OUT_OF_RANGE" })],
    ["a chunk takes too long", new EtcdError("DEADLINE", "10 s are up")],
    ["the caller aborts", new Error("changed my mind")],
  ])("ends with the error when %s", async (_, error) => {
    const scanned: string[] = [];
    const scan = async (): Promise<void> => {
      const store = new Store(8).streamFailing(1, error);
      for await (const kvs of kvFrom(store).scan(range, { pageSize: 3 }))
        scanned.push(...names([kvs]).flat());
    };
    await expect(scan()).rejects.toBe(error);
    expect(scanned).toEqual(["k0", "k1", "k2", "k3", "k4"]);
  });

  it("ends the stream when the loop is left", async () => {
    const store = new Store(8).streamFailing(Number.POSITIVE_INFINITY, undefined);
    const seen: number[] = [];
    for await (const _ of kvFrom(store).scan(range, { pageSize: 3 })) {
      seen.push(store.streaming);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([0, 1]);
    expect(store.streaming).toBe(0);
  });

  it("hands the options of the call to every request", async () => {
    const { signal } = new AbortController();
    const store = new Store(8).streamFailing(0, new EtcdError("UNIMPLEMENTED", "unknown method"));
    await collect(kvFrom(store).scan(range, { pageSize: 5, timeoutMs: 77, signal }));
    expect(store.log.map(([kind, , call]) => [kind, call])).toEqual([
      ["page", { timeoutMs: 77, signal }],
      ["chunk", { timeoutMs: 77, signal }],
      ["page", { timeoutMs: 77, signal }],
    ]);
  });

  it("does not ask for ever when a server announces more keys without sending any", async () => {
    const executor: KvExecutor = {
      execute: <O extends Op>(): Promise<ResultOf<O>> =>
        Promise.resolve({
          header: create(ResponseHeaderSchema),
          kvs: [],
          more: true,
          count: 5,
        } as unknown as ResultOf<O>),
    };
    await expect(collect(kvFrom(executor).scan(range))).rejects.toMatchObject({ code: "PROTOCOL" });
  });

  it.each<[string, unknown, unknown, Error]>([
    ["a single key", "k", undefined, new TypeError("range must be a range ({ prefix } or { from, to })")],
    [
      "an empty range",
      { from: "b", to: "a" },
      undefined,
      new RangeError("range.to must be greater than range.from"),
    ],
    ["an order", range, { sort: { by: "value" } }, new TypeError('unknown option "sort" of scan')],
    ["a limit", range, { limit: 5 }, new TypeError('unknown option "limit" of scan')],
    ["a page without keys", range, { pageSize: 0 }, new RangeError("pageSize must not be 0: leave it out")],
  ])("refuses %s at the call", (_, keys, options, error) => {
    const { scan } = kvFrom(new Store(1));
    expect(() => scan(keys as typeof range, options as object)).toThrow(error);
  });
});
