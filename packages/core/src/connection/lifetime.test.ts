import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Lifetime } from "./lifetime.js";

describe("a lifetime", () => {
  it("ends with the first of its sources, and with that one's reason", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = new Lifetime(one.signal, undefined, other.signal);
    expect(signal.aborted).toBe(false);
    const reason = new Error("enough");
    other.abort(reason);
    one.abort(new Error("late"));
    expect(signal.reason).toBe(reason);
  });

  it("is over at once where a source is", () => {
    const reason = new Error("enough");
    const { signal } = new Lifetime(new AbortController().signal, AbortSignal.abort(reason));
    expect(signal.reason).toBe(reason);
  });

  it("leaves nothing on its sources, however it ends", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const lives = Array.from({ length: 3 }, () => new Lifetime(one.signal, other.signal));
    expect(getEventListeners(one.signal, "abort")).toHaveLength(3);
    lives[0]?.end();
    expect(getEventListeners(one.signal, "abort")).toHaveLength(2);
    other.abort();
    expect(getEventListeners(one.signal, "abort")).toHaveLength(0);
    expect(getEventListeners(other.signal, "abort")).toHaveLength(0);
    void new Lifetime(one.signal, AbortSignal.abort());
    expect(getEventListeners(one.signal, "abort")).toHaveLength(0);
  });

  it("that is released follows its sources no longer", () => {
    const source = new AbortController();
    const life = new Lifetime(source.signal);
    life.release();
    expect(getEventListeners(source.signal, "abort")).toHaveLength(0);
    source.abort();
    expect(life.signal.aborted).toBe(false);
  });

  it("needs no source", () => {
    const life = new Lifetime(undefined);
    life.end("over");
    life.end("twice");
    expect(life.signal.reason).toBe("over");
  });
});
