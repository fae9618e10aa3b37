import { guardKv, type Ownership, type Session, waitForDeletion } from "@etcdkit/concurrency";
import {
  type CallOptions,
  type Compare,
  compare,
  concatBytes,
  EtcdError,
  isEtcdError,
  type KeyRange,
  type Kv,
  type KvExecutor,
  op,
  outcomeOf,
  systemClock,
} from "@etcdkit/core";
import { type BackOff, type CallLimits, pauseMs, sleep, toBytes } from "@etcdkit/core/spi";
import { uniqueNumber } from "./unique-number.js";

const forever = Number.POSITIVE_INFINITY;
// Most locks are held for less, and need no watch to tell that their key was deleted by somebody else.
const watchAfterMs = 250;
// To tell a lost lease from a deleted key takes one answer; nobody is left believing for longer than this.
const verdictMs = 300;
// A creation whose answer was lost may still be on its way: no longer than this, since a member gives up on a request after
// five seconds and an election.
const lateMs = 10_000;
const backOff: BackOff = { baseMs: 50, capMs: 5_000, jitter: 0.5 };

/**
 * Makes a key `directory<number>` with no value, tied to the session.
 *
 * @param limits - When they end the call, a key that was made is removed in the background.
 * @throws (rejects) What ended the call; the reason of `session.signal`, also when the lease turns out to be gone.
 */
export async function createOwnKey(
  session: Session,
  directory: Uint8Array,
  limits: CallLimits,
): Promise<OwnKey> {
  const own = await answered(limits, () => create(session, directory));
  if (own === undefined) throw new Error("a key that no other key can prevent was not made");
  return own;
}

/** As {@link createOwnKey}, but only if there is no key in `range`; else `undefined`, and there has not been one. */
export function createOwnKeyIfFree(
  session: Session,
  directory: Uint8Array,
  range: KeyRange,
  limits: CallLimits,
): Promise<OwnKey | undefined> {
  return answered(limits, () => create(session, directory, range));
}

/** Lets a creation go on when its caller gives up: only with its answer is it known what has to be removed. */
async function answered(
  limits: CallLimits,
  create: () => Promise<OwnKey | undefined>,
): Promise<OwnKey | undefined> {
  limits.signal.throwIfAborted();
  const creating = create();
  try {
    return await limits.race(creating);
  } catch (error) {
    void creating.then((own) => own?.abandon()).catch(() => undefined);
    throw error;
  }
}

async function create(
  session: Session,
  directory: Uint8Array,
  free?: KeyRange | undefined,
): Promise<OwnKey | undefined> {
  const { kv, leaseId, signal } = session;
  while (true) {
    const key = concatBytes(directory, toBytes(uniqueNumber(), "key"));
    const request = {
      compare: free === undefined ? [compare.missing(key)] : [compare.missing(key), compare.missing(free)],
      success: [op.put(key, "", { leaseId })],
      failure: [op.range(key)],
    } as const;
    const call = { signal, timeoutMs: forever };
    /** Whether a copy of the request may still be on its way. */
    let doubtful = false;
    try {
      const answer = await kv.txn(request, call).catch((error: unknown) => {
        if (outcomeOf(error) !== "unknown") throw error;
        doubtful = true;
        // By its compare it finds what the first one made, and may be repeated. That the first one was must not go unnoticed.
        return kv.txn(request, { ...call, idempotent: true });
      });
      if (answer.succeeded) return new OwnKey(session, key, answer.header.revision, doubtful);
      const [found] = answer.responses[0].kvs;
      if (found?.lease === leaseId) return new OwnKey(session, key, found.createRevision, doubtful);
      if (found === undefined) {
        if (doubtful) void removeAgain(session, key, lateMs);
        return undefined;
      }
      // Somebody else has drawn the same number.
    } catch (error) {
      if (doubtful || outcomeOf(error) !== "not-applied") void removeAgain(session, key, lateMs);
      if (isEtcdError(error, "LEASE_NOT_FOUND")) await session.check({ signal });
      throw error;
    }
  }
}

/** A key that one call of this process made and nobody else has, tied to a session: a place in a queue, or in a barrier. */
export class OwnKey implements Ownership {
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  readonly #session: Session;
  /** A copy of its creation may still be on its way. */
  readonly #doubtful: boolean;
  readonly #over = new AbortController();
  readonly #onSessionEnd = (): void => this.#end(this.#session.signal.reason);
  readonly #cancelWatch: () => void;
  #deleted = false;

  constructor(session: Session, key: Uint8Array, createRevision: bigint, doubtful: boolean) {
    this.key = key;
    this.createRevision = createRevision;
    this.#session = session;
    this.#doubtful = doubtful;
    this.#cancelWatch = systemClock.setTimer(watchAfterMs, () => void this.#watch(), false);
    if (session.signal.aborted) this.#onSessionEnd();
    else session.signal.addEventListener("abort", this.#onSessionEnd, { once: true });
  }

  get keyPrefix(): Uint8Array | undefined {
    return this.#session.kv.keyPrefix;
  }

  /** Aborts when the key is lost (`SESSION_LOST`, `NOT_HOLDER`) or given up (`CLOSED`). */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  isHeld(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    return this.signal.aborted || this.#deleted ? 0 : this.#session.remainingMs();
  }

  owned(): Compare {
    return compare.createRevision(this.key).equals(this.createRevision);
  }

  guard(kv: KvExecutor): Kv {
    return guardKv(kv, this);
  }

  /** Makes sure that the key still exists. */
  async check(signal: AbortSignal): Promise<void> {
    const own = await this.#session.kv.get(this.key, { keysOnly: true, signal, timeoutMs: forever });
    if (own?.createRevision !== this.createRevision) await this.#lose();
    this.signal.throwIfAborted();
  }

  /**
   * Makes sure that the session's lease is known to live: the server's answer says that it did, and the process may have
   * stalled before it read that.
   */
  async confirm(): Promise<void> {
    if (this.isHeld()) return;
    // One turn of the event loop later all that had arrived is read, and a session whose time is up has ended.
    await new Promise(setImmediate);
    this.signal.throwIfAborted();
    if (!this.isHeld()) throw new EtcdError("NOT_HOLDER", "the session's lease may have expired meanwhile");
  }

  /**
   * Gives the key up and deletes it; with the session it goes by itself. What cannot be done now goes on in the background
   * for as long as the session lives.
   *
   * @throws (rejects) Why it could not be deleted for now; `call.signal.reason`.
   */
  async remove(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<void> {
    this.#end(new EtcdError("CLOSED", "given up by its holder"));
    const { kv, signal } = this.#session;
    if (signal.aborted) return;
    try {
      // Nobody else makes this key, so that to delete it twice does no harm.
      await kv.delete(this.key, { ...call, idempotent: true });
      if (this.#doubtful) void removeAgain(this.#session, this.key, lateMs);
    } catch (error) {
      void removeAgain(this.#session, this.key, this.#doubtful ? lateMs : 0);
      throw error;
    }
  }

  /** Gives the key up, whatever comes of it. */
  abandon(): void {
    this.remove().catch(() => undefined);
  }

  /** Waits for the key to be deleted by somebody else. What cannot be watched any more counts as lost. */
  async #watch(): Promise<void> {
    try {
      await waitForDeletion(this.#session, this.key, this.createRevision, this.signal);
      await this.#lose();
    } catch (error) {
      await this.#lose(error);
    }
  }

  /** The key is gone, or as good as gone. With the lease, or without it: the session asks. */
  async #lose(cause?: unknown): Promise<void> {
    if (this.signal.aborted) return;
    this.#deleted = true;
    await this.#session.check({ timeoutMs: verdictMs, signal: this.signal }).catch(() => undefined);
    const text = cause === undefined ? "was deleted by somebody else" : "cannot be watched any more";
    this.#end(new EtcdError("NOT_HOLDER", `the session's key ${text}`, { cause }));
  }

  #end(reason: unknown): void {
    this.#over.abort(reason);
    this.#cancelWatch();
    this.#session.signal.removeEventListener("abort", this.#onSessionEnd);
  }
}

/**
 * Deletes a key that would hold up others, until that has succeeded. With the session it goes by itself.
 *
 * @param lateMs - Once more after this time, for a copy of the request that made it.
 */
async function removeAgain({ kv, signal }: Session, key: Uint8Array, lateMs: number): Promise<void> {
  const startMs = performance.now();
  try {
    for (let failures = 1; ; failures++) {
      const isLast = performance.now() - startMs >= lateMs;
      const done = await kv.delete(key, { idempotent: true, signal }).then(
        () => true,
        () => false,
      );
      if (done && isLast) return;
      await sleep(systemClock, done ? lateMs : pauseMs(backOff, failures), signal, false);
    }
  } catch {
    // The session is over.
  }
}
