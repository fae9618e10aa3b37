import { describe, expect, expectTypeOf, it } from "vitest";
import type { CallOptions } from "../call-options.js";
import { op } from "./build-op.js";
import { compare } from "./compare.js";
import type { Kv, KvExecutor } from "./kv.js";
import { kvFrom } from "./kv-from.js";
import type { Op } from "./op.js";
import type { DeleteResult, PutResult, ResultOf } from "./results.js";

/** An executor that remembers what it was asked and answers with `answer`. */
function recorder(
  answer: unknown = { kvs: [] },
): KvExecutor & { readonly calls: [Op, CallOptions | undefined][] } {
  const calls: [Op, CallOptions | undefined][] = [];
  return {
    calls,
    execute<O extends Op>(asked: O, call?: CallOptions): Promise<ResultOf<O>> {
      calls.push([asked, call]);
      return Promise.resolve(answer as ResultOf<O>);
    },
  };
}

const { signal } = new AbortController();

describe("kvFrom", () => {
  it.each<[string, (kv: Kv) => Promise<unknown>, Op, CallOptions | undefined]>([
    ["get", (kv) => kv.get("a"), op.range("a"), undefined],
    [
      "get with options",
      (kv) => kv.get("a", { revision: 5n, timeoutMs: 1 }),
      op.range("a", { revision: 5n }),
      { timeoutMs: 1 },
    ],
    [
      "range",
      (kv) => kv.range({ prefix: "a" }, { limit: 2, signal }),
      op.range({ prefix: "a" }, { limit: 2 }),
      { signal },
    ],
    [
      "put",
      (kv) => kv.put("a", "v", { leaseId: 3n, idempotent: true }),
      op.put("a", "v", { leaseId: 3n }),
      { idempotent: true },
    ],
    [
      "put without value",
      (kv) => kv.put("a", undefined, { ignoreValue: true }),
      op.put("a", undefined, { ignoreValue: true }),
      undefined,
    ],
    [
      "delete",
      (kv) => kv.delete({ prefix: "a" }, { prevKv: true, requireLeader: true }),
      op.delete({ prefix: "a" }, { prevKv: true }),
      { requireLeader: true },
    ],
    [
      "txn",
      (kv) =>
        kv.txn({ compare: [compare.missing("a")], success: [op.put("a", "v")] }, { headers: { a: "b" } }),
      op.txn({ compare: [compare.missing("a")], success: [op.put("a", "v")] }),
      { headers: { a: "b" } },
    ],
    [
      "compact",
      (kv) => kv.compact(5n, { physical: true, timeoutMs: 2 }),
      op.compact(5n, { physical: true }),
      { timeoutMs: 2 },
    ],
    ["execute", (kv) => kv.execute(op.range("a"), { timeoutMs: 3 }), op.range("a"), { timeoutMs: 3 }],
  ])("turns %s into one op and what concerns the call", async (_, run, expectedOp, expectedCall) => {
    const executor = recorder();
    await run(kvFrom(executor));
    expect(executor.calls).toEqual([[expectedOp, expectedCall]]);
  });

  it("resolves get with the key it found, and undefined where there is none", async () => {
    const kv = { key: Uint8Array.of(1) };
    await expect(kvFrom(recorder({ kvs: [kv] })).get("a")).resolves.toBe(kv);
    await expect(kvFrom(recorder({ kvs: [] })).get("a")).resolves.toBeUndefined();
  });

  it.each<[string, (kv: Kv) => Promise<unknown>, string]>([
    ["get", (kv) => kv.get({ prefix: "a" } as never), "key must be a string or a Uint8Array"],
    ["get options", (kv) => kv.get("a", { limit: 1 } as never), 'unknown option "limit" of get'],
    ["range", (kv) => kv.range("a", { limit: "1" } as never), "limit must be a number"],
    ["put", (kv) => kv.put("a", "v", { revision: 1n } as never), 'unknown option "revision" of put'],
    ["put value", (kv) => kv.put("a", 5 as never), "value must be a string or a Uint8Array"],
    ["delete", (kv) => kv.delete({ prefix: "" }), "key.prefix must not be empty"],
    ["txn", (kv) => kv.txn(undefined as never), "txn must be an object"],
    ["txn options", (kv) => kv.txn({}, { physical: true } as never), 'unknown option "physical" of txn'],
    ["compact", (kv) => kv.compact(5 as never), "revision must be a bigint"],
    [
      "execute",
      (kv) => kv.execute(op.range("a"), { limit: 1 } as never),
      'unknown option "limit" of execute',
    ],
  ])("rejects bad arguments of %s and executes nothing", async (_, run, message) => {
    const executor = recorder();
    const promise = run(kvFrom(executor));
    await expect(promise).rejects.toThrow(message);
    await expect(promise).rejects.toBeInstanceOf(TypeError);
    expect(executor.calls).toEqual([]);
  });

  it("takes its bytes and options before the method returns", async () => {
    const executor = recorder();
    const [key, value, options] = [Uint8Array.of(1), Uint8Array.of(2), { timeoutMs: 5 }];
    const pending = kvFrom(executor).put(key, value, options);
    key.fill(9);
    value.fill(9);
    options.timeoutMs = 9;
    await pending;
    expect(executor.calls).toEqual([[op.put(Uint8Array.of(1), Uint8Array.of(2)), { timeoutMs: 5 }]]);
  });

  it("has methods that work detached", async () => {
    const executor = recorder();
    const { get, put, range, txn, compact, execute, delete: remove } = kvFrom(executor);
    await Promise.all([
      get("a"),
      put("a", "v"),
      range("a"),
      txn({}),
      compact(1n),
      execute(op.range("a")),
      remove("a"),
    ]);
    expect(executor.calls).toHaveLength(7);
  });

  it("streams only where the executor can, and through the executor", async () => {
    expect("stream" in kvFrom(recorder())).toBe(false);
    const executor = {
      ...recorder(),
      chunk: { kvs: [] },
      async *stream() {
        yield this.chunk;
      },
    };
    const { stream } = kvFrom(executor as unknown as KvExecutor);
    const chunks: unknown[] = [];
    for await (const chunk of stream?.(op.range("a")) ?? []) chunks.push(chunk);
    expect(chunks).toEqual([executor.chunk]);
    expect(() => stream?.(op.range("a"), { limit: 1 } as never)).toThrow('unknown option "limit" of stream');
    expect(() => stream?.(op.put("a", "v") as never)).toThrow("op must be a range op");
    expect(() => stream?.(op.range("a", { last: "key" }))).toThrow("sort cannot be streamed");
    expect(() => stream?.(op.range("a", { minModRevision: 2n }))).toThrow("revision bounds cannot be");
  });

  it("gives transactions answers typed per operation", () => {
    const typed = async (kv: Kv): Promise<void> => {
      const result = await kv.txn({
        compare: [compare.exists("a")],
        success: [op.put("a", "v"), op.delete("b")],
      });
      if (result.succeeded) {
        expectTypeOf(result.responses).toEqualTypeOf<readonly [PutResult, DeleteResult]>();
      } else {
        expectTypeOf(result.responses).toEqualTypeOf<readonly []>();
      }
    };
    expect(typed).toBeTypeOf("function");
  });
});
