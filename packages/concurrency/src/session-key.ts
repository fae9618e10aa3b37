import {
  type Compare,
  compare,
  EtcdError,
  isEtcdError,
  type KeyRange,
  type KeyValue,
  op,
  outcomeOf,
  type RangeOp,
  type RangeResult,
  systemClock,
  type WaitOptions,
} from "@etcdkit/core";
import { type BackOff, pauseMs, sleep } from "@etcdkit/core/spi";
import { guardKv, type Ownership } from "./guard-kv.js";
import type { Session } from "./session.js";
import { waitForDeletion } from "./wait-for-deletion.js";

/** What comes with the creation of a {@link SessionKey}. */
export interface CreationOptions {
  /** The key is made only if there is none in this range. */
  readonly unless?: KeyRange | undefined;
  /** Reads in the same transaction, after the key is made. */
  readonly reads?: readonly RangeOp[] | undefined;
}

/** How the creation of a {@link SessionKey} ended. */
export interface Creation {
  /** Whether the key is there and is the session's: made by this, or found. */
  readonly owned: boolean;
  /**
   * The key as it was there before: the session's own, from a lost answer or from a program that had the lease before; or
   * somebody else's.
   */
  readonly found: KeyValue | undefined;
  /** Answers to {@link CreationOptions.reads}. */
  readonly reads: readonly RangeResult[];
}

const forever = Number.POSITIVE_INFINITY;
// To tell a lost lease from a deleted key takes one answer; nobody is left believing for longer than this.
const verdictMs = 300;
// A request whose answer was lost may still be on its way: no longer than this, since a member gives up on one after five
// seconds and an election.
const lateMs = 10_000;
const backOff: BackOff = { baseMs: 50, capMs: 5_000, jitter: 0.5 };

/**
 * A key that is tied to a session and stands for something of it, such as a place in a queue: from the transaction that
 * makes it until it is known to be gone, whatever becomes of the answers in between.
 */
export class SessionKey implements Ownership {
  readonly session: Session;
  readonly key: Uint8Array;
  /** What the key is called in errors. */
  protected readonly called: string = "the session's key";
  readonly #onSessionEnd = (): void => this.#end(() => this.session.signal.reason);
  #creating: Promise<Creation> | undefined;
  /** There is no key to remove, as far as answers tell. */
  #absent = true;
  /** A copy of the request that makes the key may still be on its way. */
  #doubtful = false;
  #createRevision: bigint | undefined;
  #deleted = false;
  /** Why it is over. Signal and errors are made when somebody asks: a short lock does without. */
  #overBy: (() => unknown) | undefined;
  #controller: AbortController | undefined;
  #watching = false;
  #cancelWatch: () => void = () => undefined;
  #leaving: Promise<void> | undefined;

  constructor(session: Session, key: Uint8Array) {
    this.session = session;
    this.key = key;
    if (session.signal.aborted) this.#onSessionEnd();
    else session.signal.addEventListener("abort", this.#onSessionEnd, { once: true });
  }

  get keyPrefix(): Uint8Array | undefined {
    return this.session.kv.keyPrefix;
  }

  /** Aborts when the key is lost (`SESSION_LOST`, `NOT_HOLDER`) or given up (`CLOSED`). */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#overBy !== undefined) this.#controller.abort(this.#overBy());
    }
    return this.#controller.signal;
  }

  /** Known once the key is there. */
  get createRevision(): bigint {
    if (this.#createRevision === undefined) throw new Error("the key is not made yet");
    return this.#createRevision;
  }

  isHeld(): boolean {
    return this.remainingMs() > 0;
  }

  /** For how long it is known to be held from now on, in milliseconds, if nobody deletes the key. */
  remainingMs(): number {
    return this.#overBy !== undefined || this.#deleted ? 0 : this.session.remainingMs();
  }

  owned(): Compare {
    return compare.createRevision(this.key).equals(this.createRevision);
  }

  /**
   * Makes the key, or finds the one that is there. It cannot be called off: only with its answer it is known what has to be
   * removed. Whoever does not wait for it any longer leaves, as does whoever cannot use what it came to.
   *
   * @throws (rejects) The reason of `session.signal`, also when the lease turns out to be gone; as `Kv.txn`.
   */
  create(value: Uint8Array, options: CreationOptions = {}): Promise<Creation> {
    this.#creating = this.#create(value, options);
    return this.#creating;
  }

  /** Takes over the key that was made before at this revision, and is to be removed by this one from now on. */
  adopt(createRevision: bigint): void {
    this.#absent = false;
    this.#createRevision = createRevision;
  }

  /** Begins to watch the key after a while, unless that has begun: to learn that somebody deleted it. */
  watchIn(delayMs: number): void {
    if (this.#overBy !== undefined || this.#watching) return;
    this.#cancelWatch();
    this.#cancelWatch = systemClock.setTimer(delayMs, () => void this.#watch(), false);
  }

  /**
   * Makes sure that the key still exists.
   *
   * @throws (rejects) The reason of {@link SessionKey.signal} when it does not; as `Kv.get`.
   */
  async check(signal: AbortSignal): Promise<void> {
    await this.see(await this.session.kv.get(this.key, { keysOnly: true, signal, timeoutMs: forever }));
  }

  /** {@link SessionKey.check}, by what was just read of the key. */
  async see(found: KeyValue | undefined): Promise<void> {
    if (found?.createRevision !== this.createRevision) await this.#lose();
    this.signal.throwIfAborted();
  }

  /**
   * Makes sure that the session's lease is known to live: the server's answer says that it did, and the process may have
   * stalled before it read that. And that `signal` has not aborted.
   */
  async confirm(signal: AbortSignal): Promise<void> {
    if (!this.isHeld()) {
      // One turn of the event loop later all that had arrived is read, and a session whose time is up has ended.
      await new Promise(setImmediate);
      this.signal.throwIfAborted();
      if (!this.isHeld()) throw new EtcdError("NOT_HOLDER", "the session's lease may have expired meanwhile");
    }
    signal.throwIfAborted();
  }

  /** Gives the key another value, as long as it is there and its holder believes in it. */
  async write(value: Uint8Array, { signal, timeoutMs }: WaitOptions = {}): Promise<void> {
    const { kv, leaseId } = this.session;
    await guardKv(kv, this).put(this.key, value, { leaseId, signal, timeoutMs });
  }

  /**
   * Gives the key up. Resolves when it is gone, also with its session. Rejects when it could not be removed for now; that
   * goes on by itself for as long as the session lives, and to leave again is to wait for it. Idempotent.
   */
  leave(): Promise<void> {
    if (this.#leaving === undefined) {
      this.#leaving = this.#leave();
      // Whoever gave it up may not be there to hear of it any more.
      this.#leaving.catch(() => undefined);
    }
    return this.#leaving;
  }

  /** Gives the key up, whatever comes of it. */
  abandon(): void {
    void this.leave();
  }

  /** Called when the key was lost without the session. */
  protected onLost(): void {}

  /** Called when the key was given up and is gone. */
  protected onGone(): void {}

  /** Deletes the key. By its revision: a copy of this that arrives late must not take a later key of the session along. */
  protected async delete(createRevision: bigint): Promise<void> {
    const { kv, signal } = this.session;
    const own = compare.createRevision(this.key).equals(createRevision);
    const call = { idempotent: true, signal, timeoutMs: forever };
    await kv.txn({ compare: [own], success: [op.delete(this.key)] }, call);
  }

  async #create(value: Uint8Array, { unless, reads = [] }: CreationOptions): Promise<Creation> {
    const { session, key } = this;
    const { kv, leaseId, signal } = session;
    const request = {
      compare: [compare.missing(key), ...(unless === undefined ? [] : [compare.missing(unless)])],
      success: [op.put(key, value, { leaseId }), ...reads],
      failure: [op.range(key), ...reads],
    } as const;
    const call = { signal, timeoutMs: forever };
    this.#absent = false;
    try {
      const answer = await kv.txn(request, call).catch((error: unknown) => {
        if (outcomeOf(error) !== "unknown") throw error;
        this.#doubtful = true;
        // Idempotent by its compare: it finds what the first one made. That one is not, to hear of it when it was sent twice.
        return kv.txn(request, { ...call, idempotent: true });
      });
      const [, ...answers] = answer.responses;
      const found = answer.succeeded ? undefined : answer.responses[0].kvs[0];
      const owned = answer.succeeded || found?.lease === leaseId;
      if (owned) this.adopt(found?.createRevision ?? answer.header.revision);
      else this.#absent = true;
      return { owned, found, reads: answers };
    } catch (error) {
      if (outcomeOf(error) !== "not-applied") this.#doubtful = true;
      this.#absent = !this.#doubtful;
      if (isEtcdError(error, "LEASE_NOT_FOUND")) await session.check({ signal });
      throw error;
    }
  }

  /** Waits for the key to be deleted by somebody else. What cannot be watched any more counts as lost. */
  async #watch(): Promise<void> {
    this.#watching = true;
    try {
      await waitForDeletion(this.session, this.key, this.createRevision, this.signal);
      await this.#lose();
    } catch (error) {
      await this.#lose(error);
    }
  }

  /** The key is gone, or as good as gone. With the lease, or without it: the session asks. */
  async #lose(cause?: unknown): Promise<void> {
    if (this.#overBy !== undefined) return;
    this.#deleted = true;
    await this.session.check({ timeoutMs: verdictMs, signal: this.signal }).catch(() => undefined);
    const text = cause === undefined ? "was deleted by somebody else" : "cannot be watched any more";
    this.#end(() => new EtcdError("NOT_HOLDER", `${this.called} ${text}`, { cause }));
    this.onLost();
  }

  #end(reason: () => unknown): void {
    if (this.#overBy !== undefined) return;
    this.#overBy = reason;
    this.#controller?.abort(reason());
    this.#cancelWatch();
    this.session.signal.removeEventListener("abort", this.#onSessionEnd);
  }

  async #leave(): Promise<void> {
    this.#end(() => new EtcdError("CLOSED", "given up by its holder"));
    // How that ends is told to whoever made it.
    await this.#creating?.catch(() => undefined);
    try {
      await this.#remove();
    } catch (error) {
      this.#leaving = this.#keepRemoving();
      throw error;
    }
    this.#gone();
  }

  async #keepRemoving(): Promise<void> {
    const { signal } = this.session;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await sleep(systemClock, pauseMs(backOff, failures), signal, false);
        await this.#remove();
        break;
      } catch {
        // Once more.
      }
    }
    this.#gone();
  }

  #gone(): void {
    this.onGone();
    if (this.#doubtful && !this.session.signal.aborted) void this.#removeLatecomer();
  }

  /** Deletes the key if it is this one. The session takes it along where it ends before. */
  async #remove(): Promise<void> {
    const { signal } = this.session;
    if (this.#absent || signal.aborted) return;
    try {
      await (this.#createRevision === undefined ? this.#removeFound() : this.delete(this.#createRevision));
      this.#absent = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Looks once more, unless somebody else of the session, who would have found it, works with the key. */
  async #removeLatecomer(): Promise<void> {
    const { signal, turns } = this.session;
    try {
      await sleep(systemClock, lateMs, signal, false);
      const turn = turns.tryTake(this.key);
      if (turn === undefined) return;
      await this.#removeFound().finally(() => turn.end());
    } catch {
      // The session is over, or there is no cluster to ask; it was a precaution.
    }
  }

  /** Deletes the key if it is the session's, however it came to be there. */
  async #removeFound(): Promise<void> {
    const { kv, leaseId, signal } = this.session;
    // With its value, for without it etcd 3.7 leaves out the lease too.
    const found = await kv.get(this.key, { signal, timeoutMs: forever });
    if (found?.lease === leaseId) await this.delete(found.createRevision);
  }
}
