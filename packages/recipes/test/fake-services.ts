import type { Session } from "@etcdkit/concurrency";
import { createTurns } from "@etcdkit/concurrency/spi";
import {
  type CallOptions,
  type Event,
  type KeyValue,
  type Kv,
  type KvExecutor,
  kvFrom,
  type Op,
  type RangeResult,
  type ResultOf,
  type Watch,
  type Watcher,
  type WatchRequest,
  watcherFrom,
} from "@etcdkit/core";
import { FakeWatch } from "../../core/test/fake-watch.js";
import { headerAt } from "../../core/test/header-at.js";

export { headerAt as header };

/** What a store answers, or throws. */
export type Answer = (op: Op, call: CallOptions | undefined) => unknown;

/** A store that gives the answers of a script, one for each op, and remembers what it was asked. */
export function scriptedKv(
  ...answers: readonly Answer[]
): Kv & { readonly asked: Op[]; readonly calls: (CallOptions | undefined)[] } {
  const asked: Op[] = [];
  const calls: (CallOptions | undefined)[] = [];
  const execute: KvExecutor["execute"] = async <O extends Op>(op: O, call?: CallOptions) => {
    const answer = answers[asked.length];
    asked.push(op);
    calls.push(call);
    if (answer === undefined) throw new Error(`nothing is written for a ${op.type}`);
    return (await answer(op, call)) as ResultOf<O>;
  };
  return Object.assign(kvFrom({ execute }), { asked, calls });
}

/** The answer to a read. */
export const found = (revision: bigint, ...kvs: readonly KeyValue[]): RangeResult => ({
  header: headerAt(revision),
  kvs,
  more: false,
  count: kvs.length,
});

/** The answer to a transaction. */
export const txn = (revision: bigint, succeeded: boolean, ...responses: readonly unknown[]): object => ({
  header: headerAt(revision),
  succeeded,
  responses,
});

/** A pair as it is read. */
export const pair = (key: string, value: string, modRevision: bigint, lease = 0n): KeyValue => ({
  $typeName: "mvccpb.KeyValue",
  key: new TextEncoder().encode(key),
  value: new TextEncoder().encode(value),
  createRevision: modRevision,
  modRevision,
  version: 1n,
  lease,
});

/** A watcher whose watches each deliver an event or throw, in the order of a script, and then stay silent. */
export function scriptedWatcher(
  ...outcomes: readonly (Event | Error)[]
): Watcher & { readonly opened: WatchRequest[] } {
  const opened: WatchRequest[] = [];
  const watcher = watcherFrom({
    open(request, call): Watch {
      const outcome = outcomes[opened.length];
      opened.push(request);
      const watch = new FakeWatch(request, { signal: call?.signal });
      if (outcome instanceof Error) watch.end(outcome);
      else if (outcome !== undefined) watch.happen(1n, outcome);
      return watch;
    },
  });
  return Object.assign(watcher, { opened });
}

/** A session that a test ends. */
export interface FakeSession {
  readonly session: Session;
  end(reason: unknown): void;
}

/** A session over given services. */
export function fakeSession(kv: Kv, watcher: Watcher = scriptedWatcher()): FakeSession {
  const controller = new AbortController();
  const session: Session = {
    kv,
    watcher,
    leases: {} as Session["leases"],
    leaseId: 77n,
    ttlSeconds: 10,
    signal: controller.signal,
    turns: createTurns(),
    isHeld: () => !controller.signal.aborted,
    remainingMs: () => (controller.signal.aborted ? 0 : 5_000),
    check: async () => controller.signal.throwIfAborted(),
    orphan: async () => controller.abort(),
    close: async () => controller.abort(),
    [Symbol.asyncDispose]: async () => controller.abort(),
  };
  return { session, end: (reason: unknown) => controller.abort(reason) };
}
