import { expect, it } from "vitest";
import { isEtcdError } from "../errors/etcd-error.js";
import { firstEvent } from "./first-event.js";
import type { Watch, WatchBatch, WatchOpener, WatchRequest } from "./watch.js";

/** A watcher whose one watch delivers some batches and ends. */
function watcherOf(
  ...batches: readonly WatchBatch[]
): WatchOpener & { request?: WatchRequest; closed: number } {
  const opener: WatchOpener & { request?: WatchRequest; closed: number } = {
    closed: 0,
    open(request): Watch {
      opener.request = request;
      const close = async (): Promise<void> => void opener.closed++;
      return {
        created: Promise.resolve({ revision: 1n }),
        requestProgress: () => Promise.resolve(1n),
        close,
        [Symbol.asyncDispose]: close,
        async *[Symbol.asyncIterator]() {
          yield* batches;
        },
      };
    },
  };
  return opener;
}

const header = {} as WatchBatch["header"];
const event = (modRevision: bigint) => ({ kv: { modRevision } }) as never;

it("the first event is what comes first behind progress, and the watch is ended", async () => {
  const watcher = watcherOf(
    { kind: "progress", header, revision: 4n },
    { kind: "events", header, revision: 6n, events: [event(5n), event(6n)] },
  );
  expect(await firstEvent(watcher, "k", { startRevision: 3n, events: "deletes" })).toEqual(event(5n));
  expect(watcher.closed).toBe(1);
  expect(watcher.request).toMatchObject({ startRevision: 3n, events: "deletes" });
});

it("a watch that ends without one is an error, never an event", async () => {
  const failure = await firstEvent(watcherOf(), "k", { startRevision: 3n }).catch((error: unknown) => error);
  expect(isEtcdError(failure, "CLOSED")).toBe(true);
});
