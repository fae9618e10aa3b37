import type { Compare, Kv, KvExecutor } from "@etcdkit/core";
import { guardKv } from "./guard-kv.js";
import type { QueuePlace } from "./queue-place.js";

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

/** {@link Holding} of a place at the front of the queue. */
export class HeldPlace implements Holding {
  readonly key: Uint8Array;
  readonly fencingToken: bigint;
  protected readonly place: QueuePlace;

  constructor(place: QueuePlace) {
    this.place = place;
    this.key = new Uint8Array(place.key);
    this.fencingToken = place.createRevision;
  }

  get signal(): AbortSignal {
    return this.place.signal;
  }

  isHeld(): boolean {
    return this.place.isHeld();
  }

  remainingMs(): number {
    return this.place.remainingMs();
  }

  owned(): Compare {
    return this.place.owned();
  }

  guard(kv: KvExecutor): Kv {
    return guardKv(kv, this.place);
  }
}
