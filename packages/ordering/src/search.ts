import { type CallOptions, type Clock, EtcdError } from "@etcdkit/core";
import { type BackOff, CallLimits, elsewhere, pauseMs, sleep } from "@etcdkit/core/spi";

/** What {@link OnStale} is told. */
export interface StaleAnswer {
  /** The revision that the answer may not be behind: the latest that was seen when the read began. */
  readonly floor: bigint;
  /** The revision that the member is at; `undefined` when it only said that the revision to be read is in its future. */
  readonly revision: bigint | undefined;
  /** The member that answered; `undefined` when it only said that the revision to be read is in its future. */
  readonly memberId: bigint | undefined;
  /** How many answers to this read were stale, from 1. */
  readonly answers: number;
  /** How often all endpoints have been asked for this read without success. */
  readonly rounds: number;
}

/**
 * Decides what becomes of a read that was answered from the past: throws, and the read rejects with that; or returns, at
 * once or later, and the read goes to another member. When the read is aborted or out of time first, it rejects, and what
 * becomes of the decision is not looked at.
 */
export type OnStale = (stale: StaleAnswer) => void | Promise<void>;

// Members that lag are most often up to date within some milliseconds; those that were cut off will not be soon.
const betweenRounds: BackOff = { baseMs: 50, capMs: 1_000, jitter: 0.5 };
const maxRounds = 5;
const defaultTimeoutMs = 10_000;

/** Gives up when all endpoints were asked five times over. */
export function giveUp({ rounds }: StaleAnswer): void {
  if (rounds >= maxRounds) throw noGreaterRevision();
}

function noGreaterRevision(): EtcdError {
  return new EtcdError(
    "NO_GREATER_REV",
    "etcdclient: no cluster members have a revision higher than the previously received revision",
  );
}

/** One read in search of a member that is not behind. */
export class Search {
  readonly floor: bigint;
  /** What to make the first read with. */
  readonly first: CallOptions;
  readonly #given: CallOptions | undefined;
  readonly #clock: Clock;
  readonly #onStale: OnStale;
  readonly #timeoutMs: number;
  readonly #deadline: number;
  readonly #tried = new Set<string>();
  /** How many endpoints were tried before the call under way; before the first one not even none. */
  #known = -1;
  #answers = 0;
  #rounds = 0;

  constructor(floor: bigint, call: CallOptions | undefined, clock: Clock, onStale: OnStale) {
    this.floor = floor;
    this.first = elsewhere(call, this.#tried);
    this.#given = call;
    this.#clock = clock;
    this.#onStale = onStale;
    this.#timeoutMs = call?.timeoutMs ?? defaultTimeoutMs;
    this.#deadline = clock.now() + this.#timeoutMs;
  }

  /** Returns what to repeat the read with, after a pause where all members were asked; or throws. */
  async another(revision: bigint | undefined, memberId: bigint | undefined): Promise<CallOptions> {
    const { signal } = this.#given ?? {};
    this.#answers++;
    // It went to no endpoint that was not asked before: there is none left.
    const full = this.#tried.size <= this.#known;
    if (full) this.#rounds++;
    const [answers, rounds] = [this.#answers, this.#rounds];
    await this.#decided(this.#onStale({ floor: this.floor, revision, memberId, answers, rounds }));
    signal?.throwIfAborted();
    if (full) {
      const pause = pauseMs(betweenRounds, this.#rounds);
      await sleep(this.#clock, Math.min(pause, this.#leftMs()), signal);
    }
    const timeoutMs = this.#leftMs();
    if (timeoutMs <= 0) throw this.#timeUp();
    this.#known = this.#tried.size;
    // Where the caller set no limit, the connection's holds for each try.
    const rest = this.#given?.timeoutMs === undefined ? this.#given : { ...this.#given, timeoutMs };
    return elsewhere(rest, this.#tried);
  }

  /** Waits for the handler, which may wait for anything, no longer than the caller waits for the read. */
  async #decided(decision: void | Promise<void>): Promise<void> {
    if (decision === undefined) return;
    const { signal } = this.#given ?? {};
    const limits = new CallLimits("the handler", { signal, timeoutMs: this.#leftMs() }, this.#clock);
    try {
      await limits.race(decision);
    } catch (error) {
      const isLate = limits.signal.aborted && !signal?.aborted;
      throw isLate ? this.#timeUp() : error;
    } finally {
      limits.end();
    }
  }

  #leftMs(): number {
    return Math.max(this.#deadline - this.#clock.now(), 0);
  }

  #timeUp(): EtcdError {
    const message = `no member that is at revision ${this.floor} answered within ${this.#timeoutMs} ms`;
    return new EtcdError("DEADLINE", message, { cause: noGreaterRevision() });
  }
}
