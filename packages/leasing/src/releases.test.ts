import type { CallOptions, Clock, KvExecutor, Op, ResultOf, TxnOp } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { Releases } from "./releases.js";

/** Fires at once: how long the pauses are does not matter here. */
const clock: Clock = {
  now: () => 0,
  setTimer(_, callback) {
    const timer = setImmediate(callback);
    return () => clearImmediate(timer);
  },
};
const leasingKey = toBytes("leasing/a", "key");

function releasing(answer: (attempt: number) => Promise<unknown>) {
  const tokens: unknown[] = [];
  const calls: (CallOptions | undefined)[] = [];
  const ending = new AbortController();
  const kv: KvExecutor = {
    execute: <O extends Op>(op: O, call?: CallOptions) => {
      tokens.push((op as unknown as TxnOp).compare[0]?.operand);
      calls.push(call);
      return answer(tokens.length) as Promise<ResultOf<O>>;
    },
  };
  return { releases: new Releases({ kv, clock, signal: ending.signal }), tokens, calls, ending };
}

describe("a release", () => {
  it("is repeated until it is certain, and says that this may be", async () => {
    const { releases, tokens, calls } = releasing((attempt) =>
      attempt < 3 ? Promise.reject(new Error("no")) : Promise.resolve({}),
    );
    releases.start("a", leasingKey, 5n);
    releases.start("a", leasingKey, 5n);
    expect([releases.has("a"), releases.size]).toEqual([true, 1]);
    await releases.settled();
    expect(tokens).toEqual([5n, 5n, 5n]);
    expect(calls.every((call) => call?.idempotent === true)).toBe(true);
    expect([releases.has("a"), releases.size]).toEqual([false, 0]);
  });

  it("of a later ownership follows that of an earlier one, and is not taken for it", async () => {
    const { releases, tokens } = releasing(() => Promise.resolve({}));
    releases.start("a", leasingKey, 5n);
    releases.start("a", leasingKey, 9n);
    expect(releases.size).toBe(1);
    await releases.settled();
    expect(tokens).toEqual([5n, 9n]);
    expect(releases.has("a")).toBe(false);
  });

  it("is given up when the lease is, and none begins then", async () => {
    const { releases, tokens, ending } = releasing(() => Promise.reject(new Error("no")));
    releases.start("a", leasingKey, 5n);
    await new Promise(setImmediate);
    ending.abort();
    await releases.settled();
    const attempts = tokens.length;
    releases.start("b", leasingKey, 6n);
    await new Promise(setImmediate);
    expect([tokens.length, releases.size]).toEqual([attempts, 0]);
  });
});
