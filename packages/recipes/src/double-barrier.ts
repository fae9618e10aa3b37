import type { Session } from "@etcdkit/concurrency";
import { checkSession, type SessionKey } from "@etcdkit/concurrency/spi";
import {
  type BytesLike,
  type CallOptions,
  compare,
  compareBytes,
  EtcdError,
  type KeyValue,
  op,
  type ResponseHeader,
  type WaitOptions,
} from "@etcdkit/core";
import {
  type CallLimits,
  checkOptions,
  checkPositiveInteger,
  nextChange,
  withinLimits,
} from "@etcdkit/core/spi";
import { keyUnder, waitTable } from "./arguments.js";
import { createOwnKey } from "./own-key.js";

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
   * Waits until all others want to leave too, or are gone with their sessions, and goes out together with them. It does not
   * wait for whoever has come meanwhile, to the next round.
   *
   * @throws (rejects) As `enter`, but for `TOO_MANY_CLIENTS`. This participant may then `leave` again.
   * `TypeError` for one that is not in.
   */
  leave(options?: WaitOptions): Promise<void>;
}

/** The time that a participant is in. */
interface Stay {
  readonly own: SessionKey;
  /** When the barrier was opened for it: who came later is of another round, and waits for that. */
  opened: bigint;
  /** Whether its key is gone: it waits for the others to go. */
  gone: boolean;
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
  if (count === 0) throw new RangeError("count must be a positive integer");
  checkPositiveInteger(count, "count");
  const { kv, watcher } = session;
  const directory = keyUnder(key, "/waiters/", "key");
  const waiters = { prefix: directory };
  const ready = keyUnder(key, "/ready", "key");
  let stay: Stay | undefined;
  /** One call at a time: a participant cannot do two things at once. */
  let busy = false;

  async function enter(limits: CallLimits): Promise<Stay> {
    const { signal } = limits;
    limits.follow(session.signal);
    const before = await kv.range(waiters, { countOnly: true, signal, timeoutMs: forever });
    if (before.count >= count) throw tooMany(count);
    const own = await createOwnKey(session, directory, limits);
    try {
      limits.follow(own.signal);
      limits.waitingFor = "others to enter";
      return { own, opened: await arrive(own, signal), gone: false };
    } catch (error) {
      // The error is what matters; if the key cannot be removed now it is in the background.
      await withinLimits("enter", { timeoutMs: removalMs }, (removal) => removal.race(own.leave())).catch(
        () => undefined,
      );
      throw error;
    }
  }

  /**
   * Waits for the others, or tells them if this is the last one.
   *
   * @returns The revision at which the barrier was opened.
   */
  async function arrive(own: SessionKey, signal: AbortSignal): Promise<bigint> {
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
    const { succeeded, header } = await kv.txn(told, { idempotent: true, signal, timeoutMs: forever });
    if (!succeeded) await own.check(signal); // Its key is gone: with the session, or without it?
    return header.revision;
  }

  /** Waits until the barrier is opened. That it was opened for others, before this one came, does not count. */
  async function readiness({ createRevision }: SessionKey, signal: AbortSignal): Promise<bigint> {
    while (true) {
      const { header, kvs } = await kv.range(ready, { keysOnly: true, signal, timeoutMs: forever });
      const opened = kvs[0]?.modRevision ?? 0n;
      if (opened > createRevision) return opened;
      const startRevision = header.revision + 1n;
      const event = await nextChange(watcher, ready, { events: "puts", startRevision, signal });
      if (event?.kv !== undefined) return event.kv.modRevision;
    }
  }

  /**
   * Goes out. The first one that came stays until it is the only one of its round, so that nobody is out before everybody
   * wants to be; each other one removes its key and waits for the first one to go.
   */
  async function leave(stay: Stay, limits: CallLimits): Promise<void> {
    const { own } = stay;
    const { signal } = limits;
    const call = { idempotent: true, signal, timeoutMs: forever };
    while (!stay.gone) {
      const round = await roundOf(stay, signal);
      const lowest = op.range(waiters, { first: "modified", ...round });
      const highest = op.range(waiters, { last: "modified", ...round });
      const { header, responses } = await kv.txn({ success: [lowest, highest] }, call);
      const [first, last] = responses.map(({ kvs }) => kvs[0]);
      if (isOf(own, first) && last !== undefined && !isOf(own, last)) {
        await departure(last, header, signal);
        continue;
      }
      if (isOf(own, first) && !(await closeUp(stay, call))) continue;
      await limits.race(own.leave());
      stay.gone = true;
    }
    while (true) {
      const others = { first: "modified", maxCreateRevision: stay.opened, keysOnly: true } as const;
      const { header, kvs } = await kv.range(waiters, { ...others, signal, timeoutMs: forever });
      if (kvs[0] === undefined) return;
      await departure(kvs[0], header, signal);
    }
  }

  /** Takes the sign away that the barrier is open; `false` if that was not to be done: the key is gone, or it was opened again. */
  async function closeUp({ own, opened }: Stay, call: CallOptions): Promise<boolean> {
    const unchanged = compare.modRevision(ready).lessThan(opened + 1n);
    const closing = { compare: [own.owned(), unchanged], success: [op.delete(ready)] };
    return (await kv.txn(closing, call)).succeeded;
  }

  /** Who is of a participant's round: also those who took the place of one that was gone, for whom it was opened again. */
  async function roundOf(stay: Stay, signal: AbortSignal) {
    const again = await kv.get(ready, { keysOnly: true, signal, timeoutMs: forever });
    if (again !== undefined && again.modRevision > stay.opened) stay.opened = again.modRevision;
    return { maxCreateRevision: stay.opened, keysOnly: true } as const;
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
        if (stay !== undefined) throw new TypeError("the participant is in already: it must leave first");
        stay = await withinLimits("enter", options, enter);
      });
    },

    async leave(options) {
      checkOptions(tables.leave, options);
      await alone(async () => {
        const present = stay;
        if (present === undefined) throw new TypeError("the participant is not in: it must enter first");
        await withinLimits("leave", options, (limits) => {
          limits.follow(session.signal);
          limits.waitingFor = "others to leave";
          return leave(present, limits);
        });
        stay = undefined;
      });
    },
  };
}

function isOf(own: SessionKey, pair: KeyValue | undefined): boolean {
  return pair !== undefined && compareBytes(pair.key, own.key) === 0;
}

function tooMany(count: number): EtcdError {
  const message = `the double barrier has the ${count} participants that it is for`;
  return new EtcdError("TOO_MANY_CLIENTS", message, { outcome: "not-applied" });
}
