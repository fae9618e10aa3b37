import { type CallOptions, compare, type KvExecutor, type Op, op, type ResultOf } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { createKubernetesClient, type KubernetesClient } from "./kubernetes-client.js";

interface Fake {
  readonly client: KubernetesClient;
  readonly calls: [Op, CallOptions | undefined][];
}

/** A client over an executor that remembers what it was asked and gives one answer to everything. */
function fake(answer: object): Fake {
  const calls: [Op, CallOptions | undefined][] = [];
  const executor: KvExecutor = {
    execute<O extends Op>(asked: O, call?: CallOptions): Promise<ResultOf<O>> {
      calls.push([asked, call]);
      return Promise.resolve(answer as ResultOf<O>);
    },
  };
  return { client: createKubernetesClient(executor), calls };
}

const header = { revision: 42n };
const object = { key: Uint8Array.of(0x61, 0x62), modRevision: 7n };
const { signal } = new AbortController();

describe("get", () => {
  it("answers with the object, or without, and the revision of the store", async () => {
    await expect(fake({ header, kvs: [object] }).client.get("ab")).resolves.toEqual({
      kv: object,
      revision: 42n,
    });
    await expect(fake({ header, kvs: [] }).client.get("ab")).resolves.toStrictEqual({ revision: 42n });
  });

  it("reads at the revision it was asked for", async () => {
    const { client, calls } = fake({ header, kvs: [] });
    await client.get("ab", { revision: 5n, signal });
    expect(calls).toEqual([[op.range("ab", { revision: 5n }), { signal }]]);
  });
});

describe("list", () => {
  const page = { header, kvs: [object], more: true, count: 3 };

  it("answers with a page, the count from there on, and where the next page starts", async () => {
    const { client, calls } = fake(page);
    await expect(client.list("a", { limit: 1, revision: 5n })).resolves.toEqual({
      kvs: [object],
      count: 3,
      revision: 42n,
      continue: Uint8Array.of(0x61, 0x62, 0),
    });
    expect(calls).toEqual([[op.range({ prefix: "a" }, { limit: 1, revision: 5n }), undefined]]);
  });

  it("goes on from where the last page ended, to the end of the prefix", async () => {
    const { client, calls } = fake({ ...page, more: false });
    const { continue: next } = await client.list("a", { continue: "ab\0", timeoutMs: 5 });
    expect(next).toBeUndefined();
    expect(calls).toEqual([[op.range({ from: "ab\0", to: "b" }), { timeoutMs: 5 }]]);
  });

  it("goes on to the end of the store when the prefix has no end", async () => {
    const { client, calls } = fake(page);
    await client.list("", { continue: "x" });
    await client.list(Uint8Array.of(0xff), { continue: Uint8Array.of(0xff, 1) });
    expect(calls.map(([asked]) => asked)).toEqual([
      op.range({ from: "x" }),
      op.range({ from: Uint8Array.of(0xff, 1) }),
    ]);
  });

  it.each(["b", "", "A"])("refuses to go on at %j, outside of the prefix", async (from) => {
    const { client, calls } = fake(page);
    await expect(client.list("a", { continue: from })).rejects.toThrow(
      new RangeError("continue must begin with the prefix"),
    );
    expect(calls).toEqual([]);
  });
});

describe("count", () => {
  it("counts the keys with a prefix without reading them", async () => {
    const { client, calls } = fake({ header, kvs: [], count: 12 });
    await expect(client.count("a", { signal })).resolves.toBe(12);
    expect(calls).toEqual([[op.range({ prefix: "a" }, { countOnly: true }), { signal }]]);
  });
});

describe("optimisticPut", () => {
  it("writes when the object is as expected", async () => {
    const { client, calls } = fake({ header, succeeded: true, responses: [{}] });
    await expect(client.optimisticPut("ab", "v", 7n, { leaseId: 3n, signal })).resolves.toStrictEqual({
      succeeded: true,
      revision: 42n,
    });
    const txn = op.txn({
      compare: [compare.modRevision("ab").equals(7n)],
      success: [op.put("ab", "v", { leaseId: 3n })],
    });
    expect(calls).toEqual([[txn, { signal }]]);
  });

  it("creates only, when nothing is expected", async () => {
    const { client, calls } = fake({ header, succeeded: true, responses: [{}] });
    await client.optimisticPut("ab", "v", undefined);
    expect(calls[0]?.[0]).toMatchObject({ compare: [compare.modRevision("ab").equals(0n)] });
  });

  it("answers with what is there instead when asked to, and without when it is gone", async () => {
    const failed = (kvs: readonly unknown[]): Fake =>
      fake({ header, succeeded: false, responses: [{ kvs }] });
    const { client, calls } = failed([object]);
    const options = { getOnFailure: true };
    await expect(client.optimisticPut("ab", "v", 6n, options)).resolves.toStrictEqual({
      succeeded: false,
      revision: 42n,
      kv: object,
    });
    expect(calls[0]?.[0]).toMatchObject({ failure: [op.range("ab")] });
    await expect(failed([]).client.optimisticPut("ab", "v", 6n, options)).resolves.toStrictEqual({
      succeeded: false,
      revision: 42n,
    });
  });
});

describe("optimisticDelete", () => {
  it("deletes when the object is as expected, and says so when it is not", async () => {
    const { client, calls } = fake({ header, succeeded: false, responses: [] });
    await expect(client.optimisticDelete("ab", 7n)).resolves.toStrictEqual({
      succeeded: false,
      revision: 42n,
    });
    expect(calls).toEqual([
      [op.txn({ compare: [compare.modRevision("ab").equals(7n)], success: [op.delete("ab")] }), undefined],
    ]);
  });
});

describe("bad arguments", () => {
  it.each<[string, (client: KubernetesClient) => Promise<unknown>, Error]>([
    [
      "a range for a key",
      (c) => c.get({ prefix: "a" } as never),
      new TypeError("key must be a string or a Uint8Array"),
    ],
    [
      "a revision of 0n",
      (c) => c.get("a", { revision: 0n }),
      new RangeError("revision must not be 0n: leave it out"),
    ],
    [
      "an unknown option",
      (c) => c.list("a", { sort: 1 } as never),
      new TypeError('unknown option "sort" of list'),
    ],
    ["a limit of 0", (c) => c.list("a", { limit: 0 }), new RangeError("limit must not be 0: leave it out")],
    [
      "a continue of the wrong type",
      (c) => c.list("a", { continue: 5 as never }),
      new TypeError("continue must be a string or a Uint8Array"),
    ],
    [
      "an expected revision of 0n",
      (c) => c.optimisticPut("a", "v", 0n),
      new RangeError("expectedRevision must not be 0n: leave it out"),
    ],
    [
      "an expected revision of the wrong type",
      (c) => c.optimisticPut("a", "v", 5 as never),
      new TypeError("expectedRevision must be a bigint"),
    ],
    [
      "a deletion of nothing in particular",
      (c) => c.optimisticDelete("a", undefined as never),
      new TypeError("expectedRevision must be a bigint"),
    ],
    [
      "a range to delete",
      (c) => c.optimisticDelete({ prefix: "a" } as never, 5n),
      new TypeError("key must be a string or a Uint8Array"),
    ],
    [
      "an option of put",
      (c) => c.optimisticDelete("a", 5n, { leaseId: 1n } as never),
      new TypeError('unknown option "leaseId" of optimisticDelete'),
    ],
  ])("such as %s are refused and nothing is sent", async (_, run, error) => {
    const { client, calls } = fake({ header });
    await expect(run(client)).rejects.toThrow(error);
    expect(calls).toEqual([]);
  });
});
