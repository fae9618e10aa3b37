import { EtcdError, isEtcdError } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { FakeStore, neverAnswer } from "../test/fake-store.js";
import { type Directory, openDirectory } from "./directory.js";

function onStore() {
  const store = new FakeStore();
  const clock = new ManualClock();
  const skipped: unknown[] = [];
  const open = (): Directory =>
    openDirectory(store, "svc", { clock, onSkipped: (one) => void skipped.push(one) });
  return { store, clock, skipped, open };
}

const addresses = ({ endpoints }: Directory): readonly string[] | undefined =>
  endpoints && [...endpoints.values()].map(({ address }) => address);

describe("a directory", () => {
  it("reads at once and follows, and tells of each change", async () => {
    const { store, clock, open } = onStore();
    store.put("svc/b", '{"Addr":"b:1"}');
    await using directory = open();
    expect(directory.endpoints).toBeUndefined();
    const seen: (readonly string[] | undefined)[] = [];
    directory.subscribe(() => seen.push(addresses(directory)));
    await clock.settle();
    store.put("svc/a", '{"Addr":"a:1"}');
    await clock.settle();
    store.remove("svc/b");
    await clock.settle();
    store.remove("svc/a");
    await clock.settle();
    expect(seen).toEqual([["b:1"], ["a:1", "b:1"], ["a:1"], []]);
    expect(directory.error).toBeUndefined();
  });

  it("replaces its map and never changes one", async () => {
    const { store, clock, open } = onStore();
    await using directory = open();
    await clock.settle();
    const before = directory.endpoints;
    store.put("svc/a", '{"Addr":"a:1"}');
    await clock.settle();
    expect(before?.size).toBe(0);
    expect(directory.endpoints).not.toBe(before);
  });

  it("tells of a service without endpoints too", async () => {
    const { open } = onStore();
    await using directory = open();
    expect((await directory.ready()).size).toBe(0);
  });

  it("keeps what it knows while the watch is broken, and catches up with the difference", async () => {
    const { store, clock, open } = onStore();
    store.put("svc/a", '{"Addr":"a:1"}');
    await using directory = open();
    await clock.settle();
    const failure = new EtcdError("NO_LEADER", "no");
    store.live[0]?.end(failure);
    await clock.settle();
    expect([addresses(directory), directory.error]).toEqual([["a:1"], failure]);
    store.put("svc/b", '{"Addr":"b:1"}');
    store.remove("svc/a");
    expect(store.watches).toHaveLength(1);
    await clock.advance(100);
    expect([addresses(directory), directory.error]).toEqual([["b:1"], undefined]);
    expect(store.watches).toHaveLength(2);
  });

  it("reads from any member at first, and from a majority once it has something to lose", async () => {
    const { store, clock, open } = onStore();
    await using _directory = open();
    await clock.settle();
    store.live[0]?.end(new EtcdError("UNAVAILABLE", "no"));
    await clock.advance(100);
    expect(store.ops.map((op) => op.type === "range" && (op.serializable ?? false))).toEqual([true, false]);
  });

  it("tries again after pauses that grow to 5 s, which keep no process alive", async () => {
    const { store, clock, open } = onStore();
    const failure = new EtcdError("UNAVAILABLE", "no");
    store.onExecute = () => Promise.reject(failure);
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    try {
      await using directory = open();
      const pauses: number[] = [];
      for (let i = 0; i < 8; i++) {
        await clock.settle();
        expect(clock.timers).toHaveLength(1);
        expect(clock.timers[0]?.keepAlive).toBe(false);
        pauses.push(clock.timers[0]?.dueInMs ?? 0);
        await clock.advance(pauses.at(-1) ?? 0);
      }
      expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
      expect([directory.endpoints, directory.error]).toEqual([undefined, failure]);
    } finally {
      random.mockRestore();
    }
  });

  it("takes reading without following for a failure, until it has followed for 10 s", async () => {
    const { store, clock, open } = onStore();
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    try {
      await using _directory = open();
      const breakAfter = async (ms: number): Promise<number> => {
        await clock.advance(ms);
        store.live[0]?.end(new EtcdError("NO_LEADER", "no"));
        await clock.settle();
        const [pause] = clock.timers;
        await clock.advance(pause?.dueInMs ?? 0);
        return pause?.dueInMs ?? 0;
      };
      expect([await breakAfter(0), await breakAfter(0), await breakAfter(9_999)]).toEqual([100, 200, 400]);
      expect(await breakAfter(10_000)).toBe(100);
    } finally {
      random.mockRestore();
    }
  });

  it("gives up when its services were closed", async () => {
    const { store, clock, open } = onStore();
    await using directory = open();
    await clock.settle();
    store.live[0]?.end(); // as when the watcher is closed
    await clock.settle();
    expect(isEtcdError(directory.error, "CLOSED")).toBe(true);
    expect(clock.timers).toEqual([]);
    expect(directory.endpoints?.size).toBe(0);

    store.onExecute = () => Promise.reject(new EtcdError("CLOSED", "closed"));
    await using never = open();
    await expect(never.ready()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("leaves out what cannot be read, and tells", async () => {
    const { store, open, skipped } = onStore();
    store.put("svc/a", "no JSON");
    await using directory = open();
    expect((await directory.ready()).size).toBe(0);
    expect(skipped).toHaveLength(1);
  });

  it("goes on when a listener throws, and calls none that was taken off", async () => {
    const { store, clock, open } = onStore();
    await using directory = open();
    const heard: string[] = [];
    directory.subscribe(() => {
      heard.push("first");
      stop();
      throw new Error("no");
    });
    const stop = directory.subscribe(() => heard.push("taken off"));
    directory.subscribe(() => heard.push("last"));
    await clock.settle();
    store.put("svc/a", '{"Addr":"a:1"}');
    await clock.settle();
    expect(heard).toEqual(["first", "last", "first", "last"]);
  });

  it("waits to be ready no longer than told", async () => {
    const { store, clock, open } = onStore();
    const failure = new EtcdError("UNAVAILABLE", "no");
    store.onExecute = () => Promise.reject(failure);
    await using directory = open();
    const settled = directory.ready().catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await settled).toMatchObject({ code: "DEADLINE", cause: failure });
    const short = directory.ready({ timeoutMs: 5 }).catch((error: unknown) => error);
    await clock.advance(5);
    expect(await short).toMatchObject({ code: "DEADLINE" });
    const reason = new Error("changed my mind");
    await expect(directory.ready({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const aborted = directory.ready({ signal: controller.signal });
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
  });

  it("leaves nothing behind once it is closed, and tells those who wait", async () => {
    const { store, clock, open } = onStore();
    const directory = open();
    await clock.settle();
    const listener = vi.fn();
    directory.subscribe(listener);
    await directory.close();
    await directory.close();
    expect(store.live).toEqual([]);
    expect(clock.timers).toEqual([]);
    store.put("svc/a", '{"Addr":"a:1"}');
    await clock.settle();
    expect(directory.endpoints?.size).toBe(0);

    store.onExecute = () => Promise.reject(new EtcdError("UNAVAILABLE", "no"));
    const pausing = open();
    const waiting = pausing.ready();
    await clock.settle();
    await pausing.close();
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED" });
    expect(clock.timers).toEqual([]);
  });

  it("says that it is closed, so that nobody waits for its endpoints any more", async () => {
    const { store, open } = onStore();
    store.onExecute = neverAnswer;
    const directory = open();
    const errors: unknown[] = [];
    directory.subscribe(() => errors.push(directory.error));
    await directory.close();
    expect(errors).toEqual([expect.objectContaining({ code: "CLOSED" })]);
    await expect(directory.ready()).rejects.toBe(directory.error);
  });

  it("closes in the midst of its first read", async () => {
    const { store, open } = onStore();
    store.onExecute = neverAnswer;
    const directory = open();
    await directory.close();
    expect(directory.endpoints).toBeUndefined();
  });

  it("refuses bad arguments and names them", async () => {
    const { store } = onStore();
    const open = (target: unknown, options?: unknown) => () =>
      openDirectory(store, target as string, options as object);
    expect(open("")).toThrow("invalid target");
    expect(open("svc", { clock: 5 })).toThrow(new TypeError("clock must be a Clock"));
    expect(open("svc", { onSkipped: 5 })).toThrow(new TypeError("onSkipped must be a function"));
    expect(open("svc", { pollMs: 5 })).toThrow('unknown option "pollMs" of openDirectory');
    await using directory = openDirectory(store, "svc");
    expect(() => directory.subscribe(undefined as unknown as () => void)).toThrow(
      "listener must be a function",
    );
    await expect(directory.ready({ timeoutMs: -1 })).rejects.toThrow(RangeError);
  });
});
