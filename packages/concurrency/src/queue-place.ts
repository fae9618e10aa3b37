import {
  type Compare,
  compare,
  compareBytes,
  EtcdError,
  isEtcdError,
  type KeyValue,
  op,
  outcomeOf,
  systemClock,
  type WaitOptions,
} from "@etcdkit/core";
import { pauseMs, sleep } from "@etcdkit/core/spi";
import { guardKv, type Ownership } from "./guard-kv.js";
import type { QueueName } from "./queue-name.js";
import type { Session } from "./session.js";
import type { Turn } from "./turns.js";
import { waitForDeletion } from "./wait-for-deletion.js";
import { type Predecessor, waitForEach } from "./wait-for-predecessors.js";

/** How a place in the queue was found. */
export interface Entry {
  /** Whether nobody is before it. */
  readonly first: boolean;
  /** The own key, when it was there before: from a lost answer, or from a program that had the lease before. */
  readonly found?: KeyValue | undefined;
}

// Most locks are held for less, and need no watch to tell that their key was deleted by somebody else.
const watchHeldAfterMs = 100;
// In a queue that moves, whoever waits looks at the own key as often as somebody before it leaves.
const watchWaitingAfterMs = 750;
// To tell a lost lease from a deleted key takes one answer; nobody is left believing for longer than this.
const verdictMs = 300;
// A request whose answer was lost may still be on its way: no longer than this, since a member gives up on one after five
// seconds and an election.
const lateMs = 10_000;
const backOff = { baseMs: 50, capMs: 5_000, jitter: 0.5 };

/**
 * A session's place in the queue for a name: the key that stands for it, from the transaction that makes it until it is
 * known to be gone. At most one at a time, by the turn that it was given and ends with.
 */
export class QueuePlace implements Ownership {
  readonly session: Session;
  readonly key: Uint8Array;
  readonly #prefix: Uint8Array;
  readonly #turn: Turn;
  readonly #onSessionEnd = (): void => this.#end(() => this.session.signal.reason);
  #entering: Promise<Entry> | undefined;
  /** There is no key to remove, as far as answers tell. */
  #absent = true;
  /** A copy of the entry may still be on its way. */
  #doubtful = false;
  #createRevision: bigint | undefined;
  #deleted = false;
  /** Why it is over. Signal and errors are made when somebody asks: a short lock does without. */
  #overBy: (() => unknown) | undefined;
  #controller: AbortController | undefined;
  #watching = false;
  #cancelWatch: () => void = () => undefined;
  #leaving: Promise<void> | undefined;

  constructor(session: Session, { prefix, key }: QueueName, turn: Turn) {
    this.session = session;
    this.key = key;
    this.#prefix = prefix;
    this.#turn = turn;
    if (session.signal.aborted) this.#onSessionEnd();
    else session.signal.addEventListener("abort", this.#onSessionEnd, { once: true });
  }

  get keyPrefix(): Uint8Array | undefined {
    return this.session.kv.keyPrefix;
  }

  /** Aborts when the place is lost (`SESSION_LOST`, `NOT_HOLDER`) or left (`CLOSED`). */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#overBy !== undefined) this.#controller.abort(this.#overBy());
    }
    return this.#controller.signal;
  }

  /** Known once the place is entered or resumed. */
  get createRevision(): bigint {
    if (this.#createRevision === undefined) throw new Error("the place is not entered yet");
    return this.#createRevision;
  }

  isHeld(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    return this.#overBy !== undefined || this.#deleted ? 0 : this.session.remainingMs();
  }

  owned(): Compare {
    return compare.createRevision(this.key).equals(this.createRevision);
  }

  /**
   * Enters the queue, or finds the place that is there. It cannot be called off: only with its answer it is known what has
   * to be removed. Whoever waits no longer leaves the place.
   *
   * @param onlyIfFree - Do not queue behind others.
   */
  enter(value: Uint8Array, onlyIfFree = false): Promise<Entry> {
    this.#entering = this.#enter(value, onlyIfFree);
    return this.#entering;
  }

  /**
   * Takes over the place that was entered before with the same lease. Says whether it is there, and the first. Until then it
   * is not this one's to give up.
   */
  async resume(createRevision: bigint, signal: AbortSignal): Promise<boolean> {
    const { kv, leaseId } = this.session;
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    // With its value, for without it etcd 3.7 leaves out the lease too.
    const { kvs } = await kv.range({ prefix: this.#prefix }, { first: "created", ...call });
    const [first] = kvs;
    if (first?.createRevision !== createRevision || first.lease !== leaseId) return false;
    if (compareBytes(first.key, this.key) !== 0) return false;
    await this.confirm(signal);
    this.#absent = false;
    this.#createRevision = createRevision;
    this.#watchIn(watchHeldAfterMs);
    return true;
  }

  /** Waits until it is the first, and makes sure that it still exists. */
  async reachFront(signal: AbortSignal): Promise<void> {
    await waitForEach(this.session.watcher, signal, () => this.#lookAhead(signal));
    this.signal.throwIfAborted();
    this.#watchIn(watchHeldAfterMs);
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
   * Gives the place up. Resolves when its key is gone, also with its session. Rejects when the key could not be removed
   * for now; that goes on by itself for as long as the session lives. Idempotent.
   */
  leave(): Promise<void> {
    if (this.#leaving === undefined) {
      this.#leaving = this.#leave();
      // Whoever gave it up may not be there to hear of it any more.
      this.#leaving.catch(() => undefined);
    }
    return this.#leaving;
  }

  /** Gives the place up, whatever comes of it. */
  abandon(): void {
    void this.leave();
  }

  /** Who is the next before it, and whether it is still there itself: in one request, since many wait for that. */
  async #lookAhead(signal: AbortSignal): Promise<Predecessor> {
    const { createRevision } = this;
    const before = { last: "created", maxCreateRevision: createRevision - 1n, keysOnly: true } as const;
    const { header, responses } = await this.session.kv.txn(
      { success: [op.range({ prefix: this.#prefix }, before), op.range(this.key, { keysOnly: true })] },
      { idempotent: true, signal, timeoutMs: Number.POSITIVE_INFINITY },
    );
    const [ahead, own] = responses;
    if (own?.kvs[0]?.createRevision !== createRevision) await this.#lose();
    this.signal.throwIfAborted();
    return { key: ahead?.kvs[0]?.key, revision: header.revision };
  }

  async #enter(value: Uint8Array, onlyIfFree: boolean): Promise<Entry> {
    const { session, key } = this;
    const { kv, leaseId, signal } = session;
    const queue = { prefix: this.#prefix };
    const first = op.range(queue, { first: "created", keysOnly: true });
    const request = {
      compare: [onlyIfFree ? compare.missing(queue) : compare.createRevision(key).equals(0n)],
      success: [op.put(key, value, { leaseId }), first],
      failure: [op.range(key), first],
    } as const;
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    this.#absent = false;
    try {
      const answer = await kv.txn(request, call).catch((error: unknown) => {
        if (outcomeOf(error) !== "unknown") throw error;
        this.#doubtful = true;
        // Idempotent by its compare: it finds what the first one made. That one is not, to hear of it when it was sent twice.
        return kv.txn(request, { ...call, idempotent: true });
      });
      const [owner] = answer.responses[1].kvs;
      if (answer.succeeded) this.#createRevision = answer.header.revision;
      const found = answer.succeeded ? undefined : answer.responses[0].kvs[0];
      if (found !== undefined) this.#find(found);
      this.#absent = this.#createRevision === undefined;
      const isFirst = !this.#absent && owner?.createRevision === this.#createRevision;
      if (!this.#absent) this.#watchIn(isFirst ? watchHeldAfterMs : watchWaitingAfterMs);
      return { first: isFirst, found };
    } catch (error) {
      if (outcomeOf(error) !== "not-applied") this.#doubtful = true;
      this.#absent = !this.#doubtful;
      if (isEtcdError(error, "LEASE_NOT_FOUND")) await session.check({ signal });
      throw error;
    }
  }

  #find(found: KeyValue): void {
    if (found.lease !== this.session.leaseId) {
      throw new EtcdError(
        "NOT_HOLDER",
        "the session's key in the queue is tied to another lease, or to none",
      );
    }
    this.#createRevision = found.createRevision;
  }

  /** Begins to watch the key after a while, unless that has begun. */
  #watchIn(delayMs: number): void {
    if (this.#overBy !== undefined || this.#watching) return;
    this.#cancelWatch();
    this.#cancelWatch = systemClock.setTimer(delayMs, () => void this.#watchKey(), false);
  }

  /** Learns that the key was deleted by somebody else. What cannot be watched any more counts as lost. */
  async #watchKey(): Promise<void> {
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
    this.#end(() => new EtcdError("NOT_HOLDER", `the session's key in the queue ${text}`, { cause }));
    // Its holder may have nothing left to do with it, and others of the session wait.
    this.abandon();
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
    // How that ends is told to whoever entered.
    await this.#entering?.catch(() => undefined);
    try {
      await this.#remove();
      this.#left();
    } catch (error) {
      void this.#keepRemoving();
      throw error;
    }
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
    this.#left();
  }

  /** The key is gone. */
  #left(): void {
    this.#turn.end();
    if (this.#doubtful && !this.session.signal.aborted) void this.#removeLatecomer();
  }

  /** Deletes the key if it is this one. The session takes it along where it ends before. */
  async #remove(): Promise<void> {
    const { signal } = this.session;
    if (this.#absent || signal.aborted) return;
    try {
      await (this.#createRevision === undefined ? this.#removeFound() : this.#delete(this.#createRevision));
      this.#absent = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Looks once more, unless another place of the session, which would have found it, was taken since. */
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
    const found = await kv.get(this.key, { signal, timeoutMs: Number.POSITIVE_INFINITY });
    if (found?.lease === leaseId) await this.#delete(found.createRevision);
  }

  /** By its revision: a copy of this that arrives late must not take a later place of the session along. */
  async #delete(createRevision: bigint): Promise<void> {
    const { kv, signal } = this.session;
    const own = compare.createRevision(this.key).equals(createRevision);
    const call = { idempotent: true, signal, timeoutMs: Number.POSITIVE_INFINITY };
    await kv.txn({ compare: [own], success: [op.delete(this.key)] }, call);
  }
}
