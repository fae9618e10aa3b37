import { EtcdError, type Event, type Kv, utf8 } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { found, pair, scriptedKv, scriptedWatcher, txn } from "../test/fake-services.js";
import { firstByAge } from "./first-item.js";
import { itemsOf, noteItem } from "./items-of.js";
import { takeFirst, tryTakeFirst } from "./take-first.js";

/** The front of a queue over a store. */
const inOrder = (kv: Kv) => firstByAge(kv, { prefix: "q/" });
const { signal } = new AbortController();
const item = pair("q/1", "item", 5n);
const putOf = (kv: object) => ({ type: 0, kv }) as Event;

describe("takeFirst", () => {
  it("reads one item, and removes it as it was read", async () => {
    const kv = scriptedKv(
      () => found(9n, item),
      () => txn(10n, true, {}),
    );
    expect(utf8(await takeFirst(kv, scriptedWatcher(), inOrder(kv), signal))).toBe("item");
    expect(kv.asked).toMatchObject([
      { type: "range", limit: 1, sort: { by: "modified", order: "ascending" } },
      {
        type: "txn",
        compare: [{ target: "modRevision", relation: "equal", operand: 5n }],
        success: [{ type: "delete", key: item.key }],
        failure: [],
      },
    ]);
    expect(kv.calls[1]?.idempotent).toBeUndefined();
  });

  it("waits from where it has looked, takes what comes, and looks again when somebody else was faster", async () => {
    const kv = scriptedKv(
      () => found(9n),
      () => txn(11n, false),
      () => found(12n, pair("q/2", "next", 12n)),
      () => txn(13n, true, {}),
    );
    const watcher = scriptedWatcher(putOf(item));
    expect(utf8(await takeFirst(kv, watcher, inOrder(kv), signal))).toBe("next");
    expect(watcher.opened).toMatchObject([{ startRevision: 10n, events: "puts" }]);
  });

  it.each(["COMPACTED", "NO_LEADER"] as const)(
    "looks again after a watch that ended with %s",
    async (code) => {
      const kv = scriptedKv(
        () => found(9n),
        () => found(20n, item),
        () => txn(21n, true, {}),
      );
      const watcher = scriptedWatcher(new EtcdError(code, "no"));
      expect(utf8(await takeFirst(kv, watcher, inOrder(kv), signal))).toBe("item");
    },
  );

  it("fails as the watch does for everything else", async () => {
    const failure = new EtcdError("PERMISSION_DENIED", "no");
    const kv = scriptedKv(() => found(9n));
    await expect(takeFirst(kv, scriptedWatcher(failure), inOrder(kv), signal)).rejects.toBe(failure);
  });

  it("removes nothing once it is aborted", async () => {
    const controller = new AbortController();
    const kv = scriptedKv(() => {
      controller.abort("enough");
      return found(9n, item);
    });
    await expect(takeFirst(kv, scriptedWatcher(), inOrder(kv), controller.signal)).rejects.toBe("enough");
    expect(kv.asked).toHaveLength(1);
  });
});

describe("tryTakeFirst", () => {
  it("is undefined when there is nothing, also after somebody else was faster", async () => {
    const kv = scriptedKv(
      () => found(9n, item),
      () => txn(10n, false),
      () => found(11n),
    );
    expect(await tryTakeFirst(kv, inOrder(kv), signal)).toBeUndefined();
  });
});

describe("itemsOf", () => {
  it("has the item when the removal may have happened, and not when it has not", async () => {
    for (const outcome of ["unknown", "not-applied"] as const) {
      const failure = new EtcdError("UNAVAILABLE", "no", { outcome });
      const kv = scriptedKv(
        () => found(9n, item),
        () => Promise.reject(failure),
      );
      await expect(tryTakeFirst(kv, inOrder(kv), signal)).rejects.toBe(failure);
      expect(itemsOf(failure).map(utf8)).toEqual(outcome === "unknown" ? ["item"] : []);
    }
  });

  it("has all items of the calls that one reason has ended, and none of what is no object", () => {
    const reason = new Error("enough");
    noteItem(reason, item.value);
    noteItem(reason, item.key);
    expect(itemsOf(reason).map(utf8)).toEqual(["item", "q/1"]);
    noteItem("enough", item.value);
    for (const other of ["enough", undefined, null, new Error("enough")]) expect(itemsOf(other)).toEqual([]);
  });

  it("waits half a second for the answer to a removal that an abort meets, and no longer", async () => {
    vi.useFakeTimers();
    try {
      const controller = new AbortController();
      const kv = scriptedKv(
        () => found(9n, item),
        (_, call) =>
          new Promise((_resolve, reject) => {
            call?.signal?.addEventListener("abort", () => reject(call.signal?.reason));
          }),
      );
      const reason = new Error("enough");
      const ended = vi.fn();
      const taking = takeFirst(kv, scriptedWatcher(), inOrder(kv), controller.signal).catch(ended);
      await vi.waitFor(() => expect(kv.asked).toHaveLength(2));
      controller.abort(reason);
      await vi.advanceTimersByTimeAsync(499);
      expect(ended).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      await taking;
      expect(ended).toHaveBeenCalledWith(reason);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
