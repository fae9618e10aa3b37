import {
  type Clock,
  diagnostics,
  EtcdError,
  isEtcdError,
  KeepAliveHaltedError,
  type KeepAliveHaltReason,
  type LeaseRenewal,
} from "@etcdkit/core";
import type { LeaseKeepAliveResponse } from "@etcdkit/core/protocol";
import { KeepAliveHandle, type Keeper } from "./keep-alive-handle.js";
import { KeptLease } from "./kept-lease.js";
import type { Members } from "./members.js";
import { renewalOf } from "./renewal-of.js";
import { RenewalStream, type StreamOwner } from "./renewal-stream.js";
import { firstAnswerMs, heldUntil, nextRenewalAt, patienceMs } from "./schedule.js";
import { WakeHeap } from "./wake-heap.js";

/** What the keeper works with. */
export interface KeeperSetup {
  readonly members: Members;
  readonly clock: Clock;
  /** Renews one lease on a stream of its own. */
  readonly renewApart: (id: bigint, timeoutMs: number, signal: AbortSignal) => Promise<LeaseRenewal>;
}

// Pauses between streams that fail in a row: the first follows at once, since it goes to another member.
const shortestPauseMs = 50;
const longestPauseMs = 500;

/**
 * Renews all leases of a client: one stream, one timer.
 *
 * A renewal that is not answered is repeated on a new stream to another member; the old stream stays until it has answered
 * or is replaced itself, so there are never more than two.
 *
 * The timer never judges by itself. After a stall of the event loop or the process Node runs timers before it reads
 * sockets, so whether time is up is decided one step of the loop later, when all that had arrived has been read.
 */
export class LeaseKeeper implements Keeper, StreamOwner {
  readonly #setup: KeeperSetup;
  readonly #leases = new Map<bigint, KeptLease>();
  readonly #heap = new WakeHeap<KeptLease>();
  readonly #closing = new AbortController();
  #current: RenewalStream | undefined;
  #previous: RenewalStream | undefined;
  #failures = 0;
  #lastFailure: unknown;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #judging = false;

  constructor(setup: KeeperSetup) {
    this.#setup = setup;
  }

  now(): number {
    return this.#setup.clock.now();
  }

  /** Begins to keep a lease alive for one more holder. */
  keep(id: bigint, requireLeader: boolean, signal: AbortSignal | undefined): KeepAliveHandle {
    const lease = this.#leases.get(id) ?? new KeptLease(id, this.now() + firstAnswerMs);
    const handle = new KeepAliveHandle(this, lease, requireLeader);
    if (this.#closing.signal.aborted) {
      handle.halt(new KeepAliveHaltedError(id, "closed"));
      return handle;
    }
    lease.handles.push(handle);
    if (!this.#leases.has(id)) {
      this.#leases.set(id, lease);
      this.#ask(lease, this.now());
      this.#tell();
    }
    handle.follow(signal);
    return handle;
  }

  /** Time is up for a lease, as far as is known: decides it in this turn of the event loop. */
  judgeSoon(): void {
    if (this.#judging) return;
    this.#judging = true;
    setImmediate(() => {
      this.#judging = false;
      this.#judge();
      this.#setTimer();
    });
  }

  /** A holder wants no more. The last one takes the lease along. */
  release(handle: KeepAliveHandle): void {
    if (handle.halted !== undefined) return;
    const { lease } = handle;
    lease.handles.splice(lease.handles.indexOf(handle), 1);
    if (lease.handles.length === 0) this.#drop(lease);
    handle.halt(new KeepAliveHaltedError(lease.id, "closed"));
  }

  /** The lease is no longer to be relied on. */
  halt(id: bigint, reason: KeepAliveHaltReason, cause?: unknown): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    this.#drop(lease);
    const error = new KeepAliveHaltedError(id, reason, cause);
    for (const handle of lease.handles.splice(0)) handle.halt(error);
  }

  /** Ends all. */
  close(): void {
    this.#closing.abort();
    for (const id of [...this.#leases.keys()]) this.halt(id, "closed");
  }

  answered(stream: RenewalStream, answer: LeaseKeepAliveResponse, sentAt: number): void {
    this.#failures = 0;
    const lease = this.#leases.get(answer.ID);
    if (lease !== undefined) {
      const renewal = renewalOf(answer);
      // A leader that was frozen and replaced knows only that nobody renewed the lease with it. Another member has to say so.
      const doubtful = renewal.ttlSeconds <= 0 && stream === this.#previous;
      if (doubtful) this.#ask(lease, this.now(), stream.url);
      else this.#renewed(lease, renewal, sentAt);
    }
    if (stream === this.#previous && stream.idle) this.#closePrevious();
  }

  ended(stream: RenewalStream, error: unknown): void {
    this.#lastFailure = error ?? new EtcdError("UNAVAILABLE", "the server ended the stream of renewals");
    const { head, unanswered } = stream;
    const denied = isEtcdError(error, "PERMISSION_DENIED") && head !== undefined;
    if (denied) this.#suspect(head);
    else this.#failures++;
    if (stream === this.#current) this.#current = undefined;
    else this.#previous = undefined;
    this.#tell();
    if (isEtcdError(error, "NO_LEADER")) this.#leaderLost(error);
    const now = this.now();
    for (const id of unanswered) {
      const lease = this.#leases.get(id);
      if (lease?.stream === stream && !lease.suspect) this.#ask(lease, now, stream.url);
    }
    if (this.#leases.size > 0) this.#openStream(stream.url);
  }

  /** Sends a renewal, or sends it again. */
  #ask(lease: KeptLease, now: number, avoid?: string): void {
    const stream = this.#openStream(avoid);
    lease.stream = stream;
    lease.askedAt = now;
    lease.nextAt = now + patienceMs(lease.ttlMs);
    this.#sleep(lease);
    stream.ask(lease.id);
  }

  /** The stream for what is to be sent now. */
  #openStream(avoid: string | undefined): RenewalStream {
    const { members, clock } = this.#setup;
    const longest = this.#failures < 2 ? 0 : shortestPauseMs * 2 ** Math.min(this.#failures - 2, 10);
    const pauseMs = Math.min(longest, longestPauseMs) * (0.5 + Math.random() / 2);
    if (this.#current === undefined) {
      this.#current = new RenewalStream(this, { members, clock, avoid, pauseMs });
      this.#tell();
    }
    return this.#current;
  }

  /** Sends what follows to another member. Answers of the present one still count. */
  #turnAway(): void {
    this.#closePrevious();
    this.#previous = this.#current;
    this.#current = undefined;
    this.#openStream(this.#previous?.url);
    if (this.#previous?.idle) this.#closePrevious();
  }

  #closePrevious(): void {
    if (this.#previous === undefined) return;
    this.#previous.close();
    this.#previous = undefined;
    this.#tell();
  }

  #renewed(lease: KeptLease, renewal: LeaseRenewal, sentAt: number): void {
    if (renewal.ttlSeconds <= 0) {
      this.halt(lease.id, "expired");
      return;
    }
    const ttlMs = renewal.ttlSeconds * 1_000;
    const until = heldUntil(sentAt, ttlMs);
    lease.deadline = lease.ttlMs === 0 ? until : Math.max(lease.deadline, until);
    lease.ttlMs = ttlMs;
    lease.renewal = renewal;
    lease.stream = undefined;
    lease.nextAt = nextRenewalAt(sentAt, ttlMs);
    this.#sleep(lease);
    for (const handle of [...lease.handles]) handle.renewed();
  }

  #sleep(lease: KeptLease): void {
    this.#heap.set(lease, Math.min(lease.deadline, lease.nextAt));
    this.#setTimer();
  }

  #setTimer(): void {
    const first = this.#heap.first;
    if (this.#judging || first === undefined || first.wakeAt >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = first.wakeAt;
    this.#cancelTimer = this.#setup.clock.setTimer(first.wakeAt - this.now(), this.#onTimer, false);
  }

  readonly #onTimer = (): void => {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.judgeSoon();
  };

  /** Looks at every lease whose time has come. */
  #judge(): void {
    if (this.#current !== undefined && !this.#setup.members.has(this.#current.url)) this.#turnAway();
    const now = this.now();
    for (let lease = this.#heap.first; lease !== undefined && lease.wakeAt <= now; lease = this.#heap.first) {
      if (now >= lease.deadline) this.halt(lease.id, "deadline", this.#lastFailure);
      else if (lease.stream === undefined) this.#ask(lease, now);
      else this.#repeat(lease, lease.stream, now);
    }
  }

  /** A renewal has no answer. */
  #repeat(lease: KeptLease, stream: RenewalStream, now: number): void {
    if (stream === this.#current) {
      // Who answers others has much to do and will come to this one: to turn away would make it more. But not for ever.
      const patience = patienceMs(lease.ttlMs);
      const next = stream.opening
        ? now + patience
        : Math.min(stream.heardAt + patience, lease.askedAt + 2 * patience);
      if (next > now) {
        lease.nextAt = next;
        this.#sleep(lease);
        return;
      }
      this.#turnAway();
    }
    this.#ask(lease, now);
  }

  /**
   * A member broke the stream because this lease may not be renewed by this user; so it would every time, and no other
   * lease would ever be renewed. Whether that is so, or the token was too old, a stream of its own has to show.
   */
  #suspect(id: bigint): void {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.suspect) return;
    lease.suspect = true;
    lease.nextAt = Number.POSITIVE_INFINITY;
    this.#sleep(lease);
    const sentAt = this.now();
    this.#setup.renewApart(id, lease.deadline - sentAt, this.#closing.signal).then(
      (renewal) => this.#cleared(lease, () => this.#renewed(lease, renewal, sentAt)),
      (error: unknown) =>
        this.#cleared(lease, () => {
          if (isEtcdError(error, "PERMISSION_DENIED")) this.halt(id, "permission-denied", error);
          else if (isEtcdError(error, "LEASE_NOT_FOUND")) this.halt(id, "expired");
          else this.#ask(lease, this.now());
        }),
    );
  }

  #cleared(lease: KeptLease, next: () => void): void {
    lease.suspect = false;
    if (this.#leases.get(lease.id) === lease) next();
  }

  #leaderLost(cause: unknown): void {
    for (const lease of [...this.#leases.values()]) {
      const leaving = lease.handles.filter((handle) => handle.requireLeader);
      for (const handle of leaving) {
        lease.handles.splice(lease.handles.indexOf(handle), 1);
        handle.halt(new KeepAliveHaltedError(lease.id, "no-leader", cause));
      }
      if (lease.handles.length === 0) this.#drop(lease);
    }
  }

  #drop(lease: KeptLease): void {
    if (this.#leases.get(lease.id) !== lease) return;
    this.#leases.delete(lease.id);
    this.#heap.delete(lease);
    lease.stream?.forget(lease.id);
    if (this.#leases.size === 0) this.#rest();
    this.#tell();
  }

  /** Nothing is left to renew. */
  #rest(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#closePrevious();
    this.#current?.close();
    this.#current = undefined;
    this.#failures = 0;
    this.#lastFailure = undefined;
  }

  #tell(): void {
    if (!diagnostics.leases.hasSubscribers) return;
    const streams = [this.#current, this.#previous].filter((stream) => stream !== undefined).length;
    diagnostics.leases.publish({ leases: this, keptAlive: this.#leases.size, streams });
  }
}
