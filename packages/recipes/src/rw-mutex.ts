import { type Holding, type Session, waitForPredecessors } from "@etcdkit/concurrency";
import { checkSession, HeldKey, type SessionKey } from "@etcdkit/concurrency/spi";
import { type BytesLike, type KeyRange, prefixEnd, type WaitOptions } from "@etcdkit/core";
import { type CallLimits, checkOptions, forAnswer, withinLimits } from "@etcdkit/core/spi";
import { keyUnder, waitTable } from "./arguments.js";
import { createOwnKey, createOwnKeyIfFree } from "./own-key.js";

/** A read or write lock that is held. Disposed of by `await using`, it is released if it was not yet. */
export interface RwLock extends Holding, AsyncDisposable {
  readonly kind: "read" | "write";
  /**
   * Releases the lock, and resolves when others can have it. `signal` aborts (`CLOSED`), and `isHeld()` is false, before
   * anything is sent. Idempotent: sends nothing for a lock that was released before, or lost with its session.
   *
   * When it rejects, the lock will be released by itself as soon as that is possible, for as long as the session lives.
   *
   * @param options - `timeoutMs` is 10 000 by default.
   * @throws (rejects) `EtcdError` `DEADLINE`, `PERMISSION_DENIED`; `options.signal.reason`.
   */
  unlock(options?: WaitOptions): Promise<void>;
}

/** A lock that many readers hold together, or one writer by itself. */
export interface RwMutex {
  /**
   * Waits until all writers that asked before are gone. Readers do not wait for each other.
   *
   * A call that ends without the lock leaves no trace: its key is removed in the background, for as long as that takes and
   * the session lives.
   *
   * @throws (rejects) `EtcdError` `SESSION_LOST` and `CLOSED` when the session ends; `NOT_HOLDER` when somebody deleted its
   * key; what ends the watch, such as `PERMISSION_DENIED`; `DEADLINE` after `options.timeoutMs`; `options.signal.reason`.
   */
  readLock(options?: WaitOptions): Promise<RwLock>;
  /** Waits until all readers and writers that asked before are gone. Else as {@link RwMutex.readLock}. */
  writeLock(options?: WaitOptions): Promise<RwLock>;
  /**
   * Takes the read lock if no writer holds it or waits for it; else resolves with `undefined`, and has not waited in line.
   *
   * @param options - `timeoutMs` is 10 000 by default.
   * @throws (rejects) As {@link RwMutex.readLock}.
   */
  tryReadLock(options?: WaitOptions): Promise<RwLock | undefined>;
  /** Takes the write lock if nobody holds any or waits for one. Else as {@link RwMutex.tryReadLock}. */
  tryWriteLock(options?: WaitOptions): Promise<RwLock | undefined>;
}

const tables = {
  readLock: waitTable("readLock"),
  writeLock: waitTable("writeLock"),
  tryReadLock: waitTable("tryReadLock"),
  tryWriteLock: waitTable("tryWriteLock"),
  unlock: waitTable("unlock"),
};

/**
 * A read-write mutex: fair, since whoever asked first comes first, and readers that follow one another go in together. Every
 * program that names the same name, in Go too (`recipe.NewRWMutex`), has the same one.
 *
 * Unlike a mutex, it takes tasks of one session for different owners. There is no re-entry: who holds the read lock and asks
 * for the write lock waits for itself.
 *
 * @param name - Locks are the keys `name/read/<number>` and `name/write/<number>`, tied to their sessions.
 * @throws `TypeError` for a session or a name that cannot be used; `RangeError` for an empty name.
 */
export function createRwMutex(session: Session, name: BytesLike): RwMutex {
  checkSession(session);
  const readers = keyUnder(name, "/read/", "name");
  const writers = keyUnder(name, "/write/", "name");
  // Readers sort before writers: one range has both, and of other keys under the name only those in between.
  const everybody: KeyRange = { from: readers, to: prefixEnd(writers) };

  const kinds = {
    read: { directory: readers, before: { prefix: writers } },
    write: { directory: writers, before: everybody },
  } as const;

  function lock(kind: RwLock["kind"], options: WaitOptions | undefined): Promise<RwLock> {
    const { directory, before } = kinds[kind];
    return withinLimits(`${kind}Lock`, options, async (limits) => {
      limits.follow(session.signal);
      const own = await createOwnKey(session, directory, limits);
      return await held(kind, own, limits, async () => {
        limits.follow(own.signal);
        limits.waitingFor = "others";
        await waitForPredecessors(session, before, own.createRevision - 1n, { signal: limits.signal });
        await own.check(limits.signal);
      });
    });
  }

  function tryLock(kind: RwLock["kind"], options: WaitOptions | undefined): Promise<RwLock | undefined> {
    const { directory, before } = kinds[kind];
    const what = kind === "read" ? "tryReadLock" : "tryWriteLock";
    return withinLimits(what, forAnswer(options), async (limits) => {
      limits.follow(session.signal);
      const own = await createOwnKeyIfFree(session, directory, before, limits);
      return own && (await held(kind, own, limits));
    });
  }

  return {
    async readLock(options) {
      checkOptions(tables.readLock, options);
      return await lock("read", options);
    },
    async writeLock(options) {
      checkOptions(tables.writeLock, options);
      return await lock("write", options);
    },
    async tryReadLock(options) {
      checkOptions(tables.tryReadLock, options);
      return await tryLock("read", options);
    },
    async tryWriteLock(options) {
      checkOptions(tables.tryWriteLock, options);
      return await tryLock("write", options);
    },
  };
}

/** Hands out a lock once its turn has come, unless it may be another's by now. */
async function held(
  kind: RwLock["kind"],
  own: SessionKey,
  { signal }: CallLimits,
  turn?: () => Promise<void>,
): Promise<RwLock> {
  try {
    await turn?.();
    await own.confirm(signal);
    return new HeldRwLock(kind, own);
  } catch (error) {
    own.abandon();
    throw error;
  }
}

class HeldRwLock extends HeldKey implements RwLock {
  protected override readonly releasing = "unlock";
  readonly kind: RwLock["kind"];

  constructor(kind: RwLock["kind"], own: SessionKey) {
    super(own);
    this.kind = kind;
  }

  async unlock(options?: WaitOptions): Promise<void> {
    checkOptions(tables.unlock, options);
    await this.release(options);
  }
}
