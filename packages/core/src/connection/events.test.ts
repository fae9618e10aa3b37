import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { type ConnectionEvent, ConnectionEvents } from "./events.js";

const event = (n: number): ConnectionEvent => ({
  type: "endpoints-changed",
  endpoints: [`http://${n}:2379`],
});

describe("connection events", () => {
  it("reach every reader, from the moment it began to read", async () => {
    const events = new ConnectionEvents();
    events.emit(event(0));
    const first = events.read(undefined);
    events.emit(event(1));
    const second = events.read(undefined);
    events.emit(event(2));
    events.close();
    expect(await Array.fromAsync(first)).toEqual([event(1), event(2)]);
    expect(await Array.fromAsync(second)).toEqual([event(2)]);
  });

  it("wake a reader that waits", async () => {
    const events = new ConnectionEvents();
    const reader = events.read(undefined);
    const [one, two] = [reader.next(), reader.next()];
    events.emit(event(1));
    events.emit(event(2));
    expect(await one).toEqual({ done: false, value: event(1) });
    expect(await two).toEqual({ done: false, value: event(2) });
  });

  it("end with the connection, also for readers that come later", async () => {
    const events = new ConnectionEvents();
    const waiting = events.read(undefined).next();
    events.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await events.read(undefined).next()).toEqual({ done: true, value: undefined });
  });

  it("drop the oldest for a reader that falls behind by more than 256, and tell it how many", async () => {
    const events = new ConnectionEvents();
    const reader = events.read(undefined);
    for (let n = 1; n <= 300; n++) events.emit(event(n));
    events.close();
    const read = await Array.fromAsync(reader);
    expect(read[0]).toEqual({ type: "events-dropped", count: 44 });
    expect(read.slice(1)).toEqual(Array.from({ length: 256 }, (_, i) => event(45 + i)));
  });

  it("reject with the reason of the reader's signal, once, after what was kept", async () => {
    const events = new ConnectionEvents();
    const abort = new AbortController();
    const reader = events.read(abort.signal);
    events.emit(event(1));
    const reason = new Error("enough");
    abort.abort(reason);
    events.emit(event(2));
    expect(await reader.next()).toEqual({ done: false, value: event(1) });
    expect(await caught(reader.next())).toBe(reason);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("reject a reader that waits when its signal aborts", async () => {
    const abort = new AbortController();
    const reader = new ConnectionEvents().read(abort.signal);
    const [one, two] = [reader.next(), reader.next()];
    const reason = new Error("enough");
    abort.abort(reason);
    expect(await caught(one)).toBe(reason);
    expect(await two).toEqual({ done: true, value: undefined });
  });

  it("reject at once for a signal that had aborted before", async () => {
    const reason = new Error("too late");
    const reader = new ConnectionEvents().read(AbortSignal.abort(reason));
    expect(await caught(reader.next())).toBe(reason);
  });

  it("leave no listener behind when the reader leaves its loop", async () => {
    const events = new ConnectionEvents();
    const { signal } = new AbortController();
    const reader = events.read(signal);
    events.emit(event(1));
    events.emit(event(2));
    for await (const one of reader) {
      expect(one).toEqual(event(1));
      break;
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });
});
