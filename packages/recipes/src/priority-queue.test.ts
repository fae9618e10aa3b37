import { EtcdError, outcomeOf, type TxnOp, utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { found, pair, scriptedKv, scriptedWatcher, txn } from "../test/fake-services.js";
import { createPriorityQueue } from "./priority-queue.js";

const watcher = scriptedWatcher();

const failureOf = async (call: Promise<unknown>): Promise<{ readonly error: unknown }> => ({
  error: await call.then(
    () => "nothing failed",
    (error: unknown) => error,
  ),
});

it("an item comes behind the last one of its priority, unless others have put some there meanwhile", async () => {
  const kv = scriptedKv(
    () => found(9n, pair("p/00007/0000000000000041", "", 5n)),
    () => txn(12n, false, found(12n, pair("p/00007/0000000000000099", "", 12n))),
    () => txn(13n, true, {}, {}),
  );
  const { key, revision } = await createPriorityQueue({ kv, watcher }, "p").enqueue("item", 7);
  expect(utf8(key)).toBe("p/00007/0000000000000100");
  expect(revision).toBe(13n);
  const [, first, second] = kv.asked as [unknown, TxnOp, TxnOp];
  expect(first.compare).toMatchObject([{ target: "modRevision", relation: "less", operand: 10n }]);
  expect(second.compare).toMatchObject([{ target: "modRevision", relation: "less", operand: 13n }]);
  expect(first.compare.map((one) => utf8(one.key))).toEqual(["__p/00007"]);
  expect(kv.calls.map((call) => call?.idempotent)).toEqual([undefined, undefined, undefined]);
});

it("numbers go on where those of other programs end", async () => {
  const numberAfter = async (...last: readonly string[]): Promise<string> => {
    const kv = scriptedKv(
      () => found(9n, ...last.map((key) => pair(key, "", 5n))),
      () => txn(12n, true, {}, {}),
    );
    const { key } = await createPriorityQueue({ kv, watcher }, "p").enqueue("item", 0);
    return utf8(key).replace("p/00000/", "");
  };
  expect(await numberAfter()).toBe("0000000000000000");
  expect(await numberAfter("p/00000/0000000000000009")).toBe("0000000000000010");
  expect(await numberAfter("p/00000/9999999999999998")).toBe("9999999999999999");
});

// The number after it would come before it: the next item would get the same one, and be stored over this one.
it.each(["5", "none", "000000000000004x", "9999999999999999"])(
  "an item is not put where the last key is %s, which no number comes after",
  async (name) => {
    const kv = scriptedKv(() => found(9n, pair(`p/00000/${name}`, "", 5n)));
    const { error } = await failureOf(createPriorityQueue({ kv, watcher }, "p").enqueue("item", 0));
    expect(error).toMatchObject({ code: "KEY_EXISTS", outcome: "not-applied" });
    expect(kv.asked).toHaveLength(1);
  },
);

describe("an item that was not sent", () => {
  it("is told not to be stored when the numbers cannot be read", async () => {
    const failure = new EtcdError("UNAVAILABLE", "no", { endpoint: "http://a:1" });
    const kv = scriptedKv(() => Promise.reject(failure));
    const { error } = await failureOf(createPriorityQueue({ kv, watcher }, "p").enqueue("item", 0));
    expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "not-applied", endpoint: "http://a:1" });
  });

  it("is told not to be stored when its call ends while others of the process are at it", async () => {
    const kv = scriptedKv(() => new Promise(() => undefined));
    const queue = createPriorityQueue({ kv, watcher }, "p");
    void queue.enqueue("first", 0);
    const late = await failureOf(queue.enqueue("item", 0, { timeoutMs: 1 }));
    expect(late.error).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
    const controller = new AbortController();
    const aborted = failureOf(queue.enqueue("item", 0, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    const { error } = await aborted;
    expect(error).toBe(controller.signal.reason);
    expect(outcomeOf(error)).toBe("not-applied");
    expect(kv.asked).toHaveLength(1);
  });
});

it("an item whose fate is unknown is not put there again", async () => {
  const failure = new EtcdError("UNAVAILABLE", "no", { outcome: "unknown" });
  const kv = scriptedKv(
    () => found(9n),
    () => Promise.reject(failure),
  );
  const queue = createPriorityQueue({ kv, watcher }, "p");
  await expect(queue.enqueue("item", 0)).rejects.toBe(failure);
  expect(kv.asked).toHaveLength(2);
});

it.each([-1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "refuses a priority of %s",
  async (priority) => {
    const queue = createPriorityQueue({ kv: scriptedKv(), watcher }, "p");
    await expect(queue.enqueue("item", priority)).rejects.toThrow(RangeError);
    await expect(queue.enqueue("item", "1" as never)).rejects.toThrow(/^priority must be a number/);
  },
);
