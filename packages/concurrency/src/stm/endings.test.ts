import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { EtcdError, isEtcdError, outcomeOf } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../core/test/manual-clock.js";
import { MemoryKv } from "../../test/stm/memory-kv.js";
import { stm } from "./stm.js";
import type { StmTransaction } from "./transaction.js";

const never = new Promise<never>(() => undefined);

function failureOf(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    () => {
      throw new Error("the transaction was to fail");
    },
    (error: unknown) => error,
  );
}

describe("a transaction ends without a commit", () => {
  it.each([
    ["throws", () => Promise.reject(new Error("not like this"))],
    [
      "throws at once",
      () => {
        throw new Error("not like this");
      },
    ],
  ])("when apply %s, with what it threw", async (_, fail) => {
    const kv = new MemoryKv();
    const failure = await failureOf(
      stm(kv, (tx) => {
        tx.put("a", "1");
        return fail();
      }),
    );
    expect(failure).toMatchObject({ message: "not like this" });
    expect(outcomeOf(failure)).toBeUndefined();
    expect(kv.asked).toEqual([]);
  });

  it("when a read fails, also where apply catches that", async () => {
    const kv = new MemoryKv();
    const refusal = new EtcdError("PERMISSION_DENIED", "no");
    kv.before = () => {
      throw refusal;
    };
    const failure = await failureOf(
      stm(kv, async (tx) => {
        await tx.get("a").catch(() => undefined);
        tx.put("b", "1");
      }),
    );
    expect(failure).toBe(refusal);
    expect(kv.asked).toHaveLength(1);
  });

  it("when what is to be prefetched cannot be read", async () => {
    const kv = new MemoryKv();
    kv.before = () => {
      throw new EtcdError("UNAVAILABLE", "nobody there");
    };
    let hasRun = false;
    const failure = await failureOf(
      stm(
        kv,
        () => {
          hasRun = true;
        },
        { prefetch: ["a"] },
      ),
    );
    expect(isEtcdError(failure, "UNAVAILABLE")).toBe(true);
    expect(hasRun).toBe(false);
  });

  it("when it was aborted before, and apply does not run", async () => {
    const kv = new MemoryKv();
    const reason = new Error("changed my mind");
    let hasRun = false;
    const running = stm(
      kv,
      () => {
        hasRun = true;
      },
      { signal: AbortSignal.abort(reason) },
    );
    await expect(running).rejects.toBe(reason);
    expect(hasRun).toBe(false);
    expect(kv.asked).toEqual([]);
  });

  // integration/v3_stm_test.go:TestSTMAbort
  it("when it is aborted while apply runs", async () => {
    const kv = new MemoryKv();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const running = stm(
      kv,
      (tx) => {
        tx.put("a", "1");
        controller.abort(reason);
        tx.put("a", "2");
      },
      { signal: controller.signal },
    );
    await expect(running).rejects.toBe(reason);
    expect(outcomeOf(reason)).toBeUndefined();
    expect(kv.asked).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  it("when it is aborted, whatever apply waits for, and apply gets at nothing any more", async () => {
    const kv = new MemoryKv();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    let transaction: StmTransaction | undefined;
    const running = stm(
      kv,
      async (tx) => {
        transaction = tx;
        await never;
      },
      { signal: controller.signal },
    );
    await turn();
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(() => transaction?.put("a", "1")).toThrow(/has ended/);
    await expect(transaction?.get("a")).rejects.toMatchObject({ code: "CLOSED" });
    expect(kv.asked).toEqual([]);
  });

  it("when it is aborted between two attempts", async () => {
    const kv = new MemoryKv();
    const clock = new ManualClock();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const running = stm(
      kv,
      async (tx) => {
        await tx.get("a");
        kv.write({ a: "1" });
      },
      { signal: controller.signal, clock },
    );
    while (clock.timers.length === 0) await clock.settle();
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(clock.timers).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  it("when its time is up: DEADLINE, not applied", async () => {
    const kv = new MemoryKv();
    const clock = new ManualClock();
    const running = failureOf(stm(kv, () => never, { timeoutMs: 500, clock }));
    await clock.advance(499);
    expect(clock.timers).toEqual([{ dueInMs: 1, keepAlive: true }]);
    await clock.advance(1);
    const failure = await running;
    expect(failure).toMatchObject({ code: "DEADLINE", message: "the transaction took longer than 500 ms" });
    expect(outcomeOf(failure)).toBe("not-applied");
    expect(clock.timers).toEqual([]);
  });
});

describe("a commit", () => {
  it("of which nobody knows whether it was done is not sent again", async () => {
    const kv = new MemoryKv();
    kv.before = ({ op }) => {
      if (op.type === "txn") throw new EtcdError("UNAVAILABLE", "link broken", { outcome: "unknown" });
    };
    const failure = await failureOf(
      stm(kv, async (tx) => {
        tx.put("a", `${await tx.get("a")}`);
      }),
    );
    expect(outcomeOf(failure)).toBe("unknown");
    expect(kv.asked.map(({ op }) => op.type)).toEqual(["range", "txn"]);
  });

  it("of which nobody knows is not sent again either when a read that nobody waited for found no history", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1", b: "1" });
    kv.before = async ({ op }, n) => {
      if (n === 2) throw new EtcdError("COMPACTED", "compacted");
      if (op.type !== "txn") return;
      await turn();
      throw new EtcdError("UNAVAILABLE", "link broken", { outcome: "unknown" });
    };
    const failure = await failureOf(
      stm(kv, async (tx) => {
        await tx.get("a");
        void tx.get("b");
        tx.put("c", "1");
      }),
    );
    expect(outcomeOf(failure)).toBe("unknown");
    expect(kv.asked.filter(({ op }) => op.type === "txn")).toHaveLength(1);
  });

  it("that is too large tells so", async () => {
    const kv = new MemoryKv();
    const refusal = new EtcdError("TOO_MANY_OPS", "etcdserver: too many operations in txn request", {
      outcome: "not-applied",
    });
    kv.before = () => {
      throw refusal;
    };
    await expect(stm(kv, (tx) => tx.put("a", "1"))).rejects.toBe(refusal);
  });

  it("that is under way when the time is up may have been done", async () => {
    const kv = new MemoryKv();
    const clock = new ManualClock();
    kv.before = ({ call }) =>
      new Promise((_, reject) =>
        call?.signal?.addEventListener("abort", () => reject(call.signal?.reason), { once: true }),
      );
    const running = failureOf(stm(kv, (tx) => tx.put("a", "1"), { timeoutMs: 500, clock }));
    await clock.advance(500);
    const failure = await running;
    expect(isEtcdError(failure, "DEADLINE")).toBe(true);
    expect(outcomeOf(failure)).toBe("unknown");
  });

  it("that is under way when it is aborted rejects with the reason", async () => {
    const kv = new MemoryKv();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    kv.before = ({ call }) =>
      new Promise((_, reject) => {
        call?.signal?.addEventListener("abort", () => reject(call.signal?.reason), { once: true });
        controller.abort(reason);
      });
    await expect(stm(kv, (tx) => tx.put("a", "1"), { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe("what apply does not wait for", () => {
  it("takes no part in the commit, and ends no process", async () => {
    const kv = new MemoryKv();
    kv.write({ a: "1" });
    let answerLate: () => void = () => undefined;
    kv.before = ({ op }) =>
      op.type === "range" ? new Promise((resolve) => (answerLate = resolve)) : undefined;
    let late: Promise<unknown> | undefined;
    await stm(kv, (tx) => {
      late = tx.get("a");
      tx.put("b", "1");
    });
    expect(kv.asked.at(-1)?.op).toMatchObject({ type: "txn", compare: [] });
    answerLate();
    // Node reports rejections that nobody waits for after the turn.
    await turn();
    await expect(late).rejects.toMatchObject({
      code: "CLOSED",
      message: expect.stringContaining("await in apply"),
    });
  });

  it("is refused when it comes after the end", async () => {
    const kv = new MemoryKv();
    let transaction: StmTransaction | undefined;
    await stm(kv, (tx) => {
      transaction = tx;
    });
    expect(() => transaction?.put("a", "1")).toThrow(EtcdError);
    expect(() => transaction?.delete("a")).toThrow(/has ended/);
    await expect(transaction?.get("a")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(transaction?.modRevision("a")).rejects.toMatchObject({ code: "CLOSED" });
    await expect(transaction?.getAll(["a"])).rejects.toMatchObject({ code: "CLOSED" });
    expect(kv.asked).toHaveLength(1);
  });

  it("may fail beside what apply failed for", async () => {
    const kv = new MemoryKv();
    kv.before = async () => {
      await turn();
      throw new EtcdError("UNAVAILABLE", "nobody there");
    };
    const mistake = new Error("a mistake in apply");
    await expect(
      stm(kv, async (tx) => {
        void tx.get("a");
        void tx.getAll(["b", "c"]);
        throw mistake;
      }),
    ).rejects.toBe(mistake);
    await turn();
    await turn();
  });
});
