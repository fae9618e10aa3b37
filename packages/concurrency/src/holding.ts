import type { Compare, Kv, KvExecutor, WaitOptions } from "@etcdkit/core";
import { forAnswer, withinLimits } from "@etcdkit/core/spi";
import { guardKv } from "./guard-kv.js";
import type { SessionKey } from "./session-key.js";

/** What somebody holds who was the first in a queue, and how sure of it one can be. */
export interface Holding {
  /** The key that stands for it. */
  readonly key: Uint8Array;
  /**
   * Greater than that of every holder before: the create revision of {@link Holding.key}. What is not in etcd can refuse
   * the late requests of a former holder by remembering the greatest token that it has seen. A cluster that was restored
   * from a snapshot may give out a number again.
   */
  readonly fencingToken: bigint;
  /**
   * Aborts when it is held no longer. Its reason is an `EtcdError`: `SESSION_LOST` when the lease was lost, before the
   * server can give it to anybody else; `NOT_HOLDER` when somebody deleted the key, within a second of that, or when it
   * cannot be watched any more; `CLOSED` when it was given up, or the session was.
   */
  readonly signal: AbortSignal;
  /**
   * Whether it is known to be held at this moment, by the monotonic clock. After a stall of the process it may be `false`
   * and become `true` once the answers that came meanwhile are read; only {@link Holding.signal} is final.
   */
  isHeld(): boolean;
  /** For how long it is known to be held from now on, in milliseconds, if nobody deletes the key; 0 when it is not held. */
  remainingMs(): number;
  /** A condition for transactions of one's own: holds exactly as long as it is held. */
  owned(): Compare;
  /**
   * A `Kv` that writes only while it is held: what arrives at the server too late is refused there (`NOT_HOLDER`,
   * not applied). See {@link guardKv}.
   *
   * @param kv - Of the namespace of the session: a `TypeError` if not.
   */
  guard(kv: KvExecutor): Kv;
}

/** {@link Holding} of a key of the session, and the giving up of it. */
export abstract class HeldKey implements Holding, AsyncDisposable {
  readonly key: Uint8Array;
  readonly fencingToken: bigint;
  protected readonly held: SessionKey;
  /** The method that gives it up, for the error when its time is up. */
  protected abstract readonly releasing: string;
  #released = false;

  constructor(held: SessionKey) {
    this.key = new Uint8Array(held.key);
    this.fencingToken = held.createRevision;
    this.held = held;
  }

  get signal(): AbortSignal {
    return this.held.signal;
  }

  isHeld(): boolean {
    return this.held.isHeld();
  }

  remainingMs(): number {
    return this.held.remainingMs();
  }

  owned(): Compare {
    return this.held.owned();
  }

  guard(kv: KvExecutor): Kv {
    return guardKv(kv, this.held);
  }

  /** Whether it was given up by its holder; not, whether it was lost. */
  protected get released(): boolean {
    return this.#released;
  }

  /** Gives it up, and waits until that is done; so does a second call. */
  protected async release(options?: WaitOptions): Promise<void> {
    this.#released = true;
    const left = this.held.leave();
    await withinLimits(this.releasing, forAnswer(options), (limits) => limits.race(left));
  }

  /** Gives it up if that was not done before. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#released) await this.release();
  }
}
