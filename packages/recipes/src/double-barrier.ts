import type { Session } from "@etcdkit/concurrency";
import {
  type BytesLike,
  type CallLimits,
  checkOptions,
  checkPositiveInteger,
  compareBytes,
  EtcdError,
  type KeyValue,
  op,
  type ResponseHeader,
  type WaitOptions,
  withinLimits,
} from "@etcdkit/core";
import { checkSession, keyUnder, waitTable } from "./arguments.js";
import { nextChange } from "./next-change.js";
import { createOwnKey, type OwnKey } from "./own-key.js";

/** One participant of a double barrier. */
export interface DoubleBarrier {
  /**
   * Waits until as many participants have come as the barrier is for, and goes in together with them.
   *
   * @throws (rejects) `EtcdError` `TOO_MANY_CLIENTS` when there are as many already; `SESSION_LOST` or `CLOSED` when the
   * session ends; `NOT_HOLDER` when somebody else deleted this participant's key; what ends the watch; `DEADLINE` after
   * `options.timeoutMs`; `options.signal.reason`. In all of these cases this participant is out again.
   * `TypeError` for one that has called `enter` and not yet `leave`.
   */
  enter(options?: WaitOptions): Promise<void>;
  /**
   * Waits until all others want to leave too, or are gone with their sessions, and goes out together with them.
   *
   * @throws (rejects) As `enter`, but for `TOO_MANY_CLIENTS`. This participant may then `leave` again.
   * `TypeError` for one that is not in.
   */
  leave(options?: WaitOptions): Promise<void>;
}

const tables = { enter: waitTable("enter"), leave: waitTable("leave") };
const forever = Number.POSITIVE_INFINITY;
/** How long a participant that does not get in waits for its key to be removed, before that goes on in the background. */
const removalMs = 500;

/**
 * One participant of a double barrier: a number of participants begin together and end together. One object each, as many
 * per session as one likes. Every program that names the same key and count, in Go too (`recipe.NewDoubleBarrier`), takes
 * part in the same one.
 *
 * @param key - Participants are the keys `key/waiters/<number>`, tied to their sessions; `key/ready` says that all are there.
 * @param count - How many it is for, from 1.
 * @throws `TypeError`, `RangeError` for arguments that cannot be used.
 */
export function createDoubleBarrier(session: Session, key: BytesLike, count: number): DoubleBarrier {
  checkSession(session);
  checkPositiveInteger(count, "count");
  const { kv, watcher } = session;
  const directory = keyUnder(key, "/waiters/", "key");
  const waiters = { prefix: directory };
  const ready = keyUnder(key, "/ready", "key");
  const lowest = op.range(waiters, { first: "modified", keysOnly: true });
  const highest = op.range(waiters, { last: "modified", keysOnly: true });
  /** Of a participant that is in. */
  let own: OwnKey | undefined;
  /** When a participant that is on its way out removed its key. */
  let leftAt: bigint | undefined;
  /** One call at a time: a participant cannot do two things at once. */
  let busy = false;

  async function enter(limits: CallLimits): Promise<OwnKey> {
    const { signal } = limits;
    limits.follow(session.signal);
    const before = await kv.range(waiters, { countOnly: true, signal, timeoutMs: forever });
    if (before.count >= count) throw tooMany(count);
    const own = await createOwnKey(session, directory, limits);
    try {
      limits.follow(own.signal);
      await arrive(own, signal);
      return own;
    } catch (error) {
      // The error is what matters; if the key cannot be removed now it is in the background.
      await own.remove({ timeoutMs: removalMs }).catch(() => undefined);
      throw error;
    }
  }

  /** Waits for the others, or tells them if this is the last one. */
  async function arrive(own: OwnKey, signal: AbortSignal): Promise<void> {
    const sort = { by: "created" } as const;
    const { kvs } = await kv.range(waiters, {
      sort,
      limit: count,
      keysOnly: true,
      signal,
      timeoutMs: forever,
    });
    const last = kvs[count - 1];
    if (last !== undefined && own.createRevision > last.createRevision) throw tooMany(count);
    if (last?.createRevision !== own.createRevision) return await readiness(own, signal);
    // Under the compare it can arrive late, or twice, and open no later round.
    const told = { compare: [own.owned()], success: [op.put(ready, "")] };
    const { succeeded } = await kv.txn(told, { idempotent: true, signal, timeoutMs: forever });
    if (!succeeded) throw new EtcdError("NOT_HOLDER", "somebody else deleted this participant's key");
  }

  /** Waits until the barrier is opened. That it was opened for others, before this one came, does not count. */
  async function readiness({ createRevision }: OwnKey, signal: AbortSignal): Promise<void> {
    while (true) {
      const { header, kvs } = await kv.range(ready, { keysOnly: true, signal, timeoutMs: forever });
      if ((kvs[0]?.modRevision ?? 0n) > createRevision) return;
      const startRevision = header.revision + 1n;
      if (await nextChange(watcher, ready, { events: "puts", startRevision, signal })) return;
    }
  }

  /**
   * Goes out. The first one that came stays until it is the only one, so that nobody is out before everybody wants to be;
   * each other one removes its key and waits for the first one to go.
   */
  async function leave(own: OwnKey, signal: AbortSignal): Promise<void> {
    const call = { idempotent: true, signal, timeoutMs: forever };
    while (leftAt === undefined) {
      const { header, responses } = await kv.txn({ success: [lowest, highest] }, call);
      const [first, last] = responses.map(({ kvs }) => kvs[0]);
      if (!isOf(own, first)) {
        leftAt = await own.remove({ signal, timeoutMs: forever });
      } else if (last === undefined || isOf(own, last)) {
        await kv.txn({ compare: [own.owned()], success: [op.delete(ready)] }, call);
        leftAt = await own.remove({ signal, timeoutMs: forever });
      } else {
        await departure(last, header, signal);
      }
    }
    while (true) {
      // Whoever came after this one left is of the next round, and waits for it.
      const others = { first: "modified", maxCreateRevision: leftAt, keysOnly: true } as const;
      const { header, kvs } = await kv.range(waiters, { ...others, signal, timeoutMs: forever });
      if (kvs[0] === undefined) return;
      await departure(kvs[0], header, signal);
    }
  }

  async function departure(
    { key }: KeyValue,
    { revision }: ResponseHeader,
    signal: AbortSignal,
  ): Promise<void> {
    await nextChange(watcher, key, { events: "deletes", startRevision: revision + 1n, signal });
  }

  async function alone<T>(task: () => Promise<T>): Promise<T> {
    if (busy) throw new TypeError("the participant is entering or leaving already");
    busy = true;
    try {
      return await task();
    } finally {
      busy = false;
    }
  }

  return {
    async enter(options) {
      checkOptions(tables.enter, options);
      await alone(async () => {
        if (own !== undefined) throw new TypeError("the participant is in already: it must leave first");
        own = await withinLimits("enter", options, enter);
      });
    },

    async leave(options) {
      checkOptions(tables.leave, options);
      await alone(async () => {
        const stay = own;
        if (stay === undefined) throw new TypeError("the participant is not in: it must enter first");
        await withinLimits("leave", options, (limits) => {
          limits.follow(session.signal);
          return leave(stay, limits.signal);
        });
        own = undefined;
        leftAt = undefined;
      });
    },
  };
}

function isOf(own: OwnKey, pair: KeyValue | undefined): boolean {
  return pair !== undefined && compareBytes(pair.key, own.key) === 0;
}

function tooMany(count: number): EtcdError {
  const message = `the double barrier has the ${count} participants that it is for`;
  return new EtcdError("TOO_MANY_CLIENTS", message, { outcome: "not-applied" });
}
