import { describe, expect, it } from "vitest";
import { createTurns } from "./turns.js";

const key = new Uint8Array([0x6e, 0xff]);
const live = new AbortController().signal;

describe("createTurns", () => {
  it("gives one turn of a key at a time, in the order in which they were asked for", async () => {
    const turns = createTurns();
    const order: number[] = [];
    const first = await turns.take(key, live);
    const others = [1, 2, 3].map(async (n) => {
      const turn = await turns.take(new Uint8Array(key), live);
      order.push(n);
      await Promise.resolve();
      turn.end();
      turn.end();
    });
    expect(turns.tryTake(key)).toBeUndefined();
    expect(order).toEqual([]);
    first.end();
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
    expect(turns.tryTake(key)).toBeDefined();
  });

  it("keeps keys apart", async () => {
    const turns = createTurns();
    await turns.take(key, live);
    expect(turns.tryTake(new Uint8Array([0x6e]))).toBeDefined();
  });

  it("lets who is aborted leave the queue, wherever in it", async () => {
    const turns = createTurns();
    const first = await turns.take(key, live);
    const leaving = new AbortController();
    const reason = new Error("no more");
    const second = expect(turns.take(key, leaving.signal)).rejects.toBe(reason);
    const third = turns.take(key, live);
    leaving.abort(reason);
    await second;
    first.end();
    (await third).end();
    await expect(turns.take(key, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(turns.tryTake(key)).toBeDefined();
  });
});
