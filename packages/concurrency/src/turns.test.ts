import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createTurns, inTurn } from "./turns.js";

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

describe("inTurn", () => {
  it("runs tasks one after the other, first come, first served, whatever becomes of them", async () => {
    const turns = createTurns();
    const { signal } = new AbortController();
    const log: string[] = [];
    const task = (name: string, fails = false) =>
      inTurn(turns, key, signal, async () => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const all = [task("a"), task("b", true), task("c")];
    const late = all[0]?.then(() => task("d"));
    expect(await Promise.allSettled(all)).toMatchObject([
      { value: "a" },
      { reason: { message: "b" } },
      { value: "c" },
    ]);
    await late;
    const expected = ["a", "b", "c", "d"].flatMap((name) => [`${name} begins`, `${name} ends`]);
    expect(log).toEqual(expected);
    expect(await inTurn(turns, key, signal, async () => "again")).toBe("again");
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("lets who is aborted leave the line, and hold up nobody", async () => {
    const turns = createTurns();
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const controller = new AbortController();
    const first = inTurn(turns, key, live, () => opened);
    const second = inTurn(turns, key, controller.signal, async () => "never");
    const third = inTurn(turns, key, live, async () => "third");
    controller.abort("enough");
    await expect(second).rejects.toBe("enough");
    await expect(inTurn(turns, key, controller.signal, async () => "never")).rejects.toBe("enough");
    open();
    await first;
    expect(await third).toBe("third");
  });
});
