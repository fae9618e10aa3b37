import { type BytesLike, EtcdError, type WaitOptions } from "@etcdkit/core";
import { callChecks, checkOptions, forAnswer, optionTable, withinLimits } from "@etcdkit/core/spi";
import { HeldKey, type Holding } from "./holding.js";
import { queueName, queuePrefix } from "./queue-name.js";
import { reachFront, takeIfFree } from "./reach-front.js";
import { checkSession, type Session } from "./session.js";

/** A lock that is held. Disposed of by `await using`, it is released if it was not yet. */
export interface Lock extends Holding, AsyncDisposable {
  /**
   * Releases the lock, and resolves when the next one can have it. {@link Holding.signal} aborts (`CLOSED`), and
   * {@link Holding.isHeld} is false, before anything is sent. A lock that was lost may be released too.
   *
   * When it rejects, the lock will be released by itself as soon as that is possible, for as long as the session lives.
   *
   * @param options - `timeoutMs` is 10 000 by default.
   * @throws (rejects) `EtcdError` `NOT_HOLDER` when it was released before; `DEADLINE`; `PERMISSION_DENIED`;
   * `options.signal.reason`.
   */
  unlock(options?: WaitOptions): Promise<void>;
}

/** A lock that at most one session of the cluster holds at a time, and within a session at most one task. */
export interface Mutex {
  /**
   * Waits until the lock is this caller's. Whoever asked first gets it first: callers of one session wait in this process,
   * and the first of them in the queue of the cluster. A session that holds the lock does not get it again before it has
   * released it. What it resolves with is held at that moment, also where the process stalled before.
   *
   * A call that ends without the lock leaves no trace: its place in the queue is removed in the background, for as long as
   * that takes and the session lives, and later calls of the session wait for that.
   *
   * @param options - `timeoutMs`: by default it takes as long as it takes.
   * @throws (rejects) `EtcdError` `SESSION_LOST` and `CLOSED` within a second of the end of the session; `DEADLINE`;
   * `NOT_HOLDER` when somebody deleted the place in the queue, or its key is tied to no lease or another one; `PERMISSION_DENIED` without permission to read and write
   * the keys of the lock; `options.signal.reason`.
   */
  lock(options?: WaitOptions): Promise<Lock>;
  /**
   * Takes the lock if nobody holds it or waits for it; else resolves with `undefined`, and has not been in the queue.
   *
   * @param options - `timeoutMs` is 10 000 by default.
   * @throws (rejects) As {@link Mutex.lock}.
   */
  tryLock(options?: WaitOptions): Promise<Lock | undefined>;
}

const waitChecks = { signal: callChecks.signal, timeoutMs: callChecks.timeoutMs };
const tables = {
  lock: optionTable("lock", waitChecks),
  tryLock: optionTable("tryLock", waitChecks),
  unlock: optionTable("unlock", waitChecks),
} as const;
const noValue = new Uint8Array();

/**
 * A mutex of the cluster. Nothing is sent before it is locked. Any number of them may have the same name; programs in
 * other languages share it by the keys `name/<lease id>`, which are those of etcd's Go client, of `etcdctl lock` and of
 * the server's lock service.
 *
 * @param name - Every key that begins with `name/` counts as a place in the queue: names must not be nested, nor data be
 * kept there. Not empty.
 */
export function createMutex(session: Session, name: BytesLike): Mutex {
  checkSession(session);
  const queue = queueName(queuePrefix(name), session.leaseId);

  return {
    async lock(options) {
      checkOptions(tables.lock, options);
      return await withinLimits(
        "lock",
        options,
        async (limits) => new HeldLock(await reachFront(session, queue, noValue, limits)),
      );
    },

    async tryLock(options) {
      checkOptions(tables.tryLock, options);
      return await withinLimits("tryLock", forAnswer(options), async (limits) => {
        const place = await takeIfFree(session, queue, noValue, limits);
        return place && new HeldLock(place);
      });
    },
  };
}

class HeldLock extends HeldKey implements Lock {
  protected override readonly releasing = "unlock";

  async unlock(options?: WaitOptions): Promise<void> {
    checkOptions(tables.unlock, options);
    if (this.released) throw new EtcdError("NOT_HOLDER", "mutex: lock has already been released");
    await this.release(options);
  }
}
