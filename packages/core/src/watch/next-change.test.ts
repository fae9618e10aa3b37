import { expect, it } from "vitest";
import { EtcdError } from "../errors/etcd-error.js";
import { nextChange } from "./next-change.js";
import type { Watch, WatchOpener } from "./watch.js";

/** A watcher whose watches end with an error. */
function watcherThatEnds(error: unknown): WatchOpener {
  const close = (): Promise<void> => Promise.resolve();
  return {
    open: (): Watch => ({
      created: Promise.resolve({ revision: 1n }),
      requestProgress: () => Promise.resolve(1n),
      close,
      [Symbol.asyncDispose]: close,
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    }),
  };
}

it.each(["COMPACTED", "NO_LEADER"] as const)(
  "a watch that ends with %s says nothing: look again",
  async (code) => {
    const watcher = watcherThatEnds(new EtcdError(code, "no"));
    expect(await nextChange(watcher, "k", { startRevision: 3n })).toBeUndefined();
  },
);

it("what else ends a watch is an error", async () => {
  const denied = new EtcdError("PERMISSION_DENIED", "no");
  await expect(nextChange(watcherThatEnds(denied), "k", { startRevision: 3n })).rejects.toBe(denied);
});
