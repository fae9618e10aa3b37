import type { CancelTimer, Clock } from "./clock.js";

/** When a link that has fallen silent is asked for a sign of life, and when it is given up. */
export interface KeepaliveTimes {
  /** Silence before a ping, in milliseconds, at least 1; 5,000 at most while a call waits for its one answer. */
  readonly intervalMs: number;
  /** How long the answer may take, in milliseconds, at least 1; 2,000 at most while a call waits for its one answer. */
  readonly timeoutMs: number;
  /** Ping also while no call is open. Servers may answer that by hanging up (gRPC proposal A8). */
  readonly withoutCalls: boolean;
}

// While a call waits for its one answer a dead link is found sooner, so that a read still has time for another member.
// Never below 5 s: etcd hangs up on clients that ping more often.
const waitingIntervalMs = 5_000;
const waitingTimeoutMs = 2_000;

/** How much less than configured a server wants to be pinged. It outlives connections. */
export interface KeepalivePace {
  /** Factor on the interval; 1 at first. */
  slowness: number;
}

/** What a {@link Keepalive} does to the link it watches. */
export interface KeepaliveLink {
  ping(): void;
  dead(silenceMs: number): void;
}

/**
 * Watches one link by pings: sent only while streams are open (unless told otherwise), and only after silence.
 *
 * After a stall of the event loop Node runs timers before it reads sockets; so a missing answer is judged one turn of
 * the loop after its time was up, when everything that had arrived has been read.
 */
export class Keepalive {
  readonly #times: KeepaliveTimes | false;
  readonly #clock: Clock;
  readonly #link: KeepaliveLink;
  readonly #pace: KeepalivePace;
  #stopped = false;
  #streams = 0;
  #waiting = 0;
  /** When the first of the calls began that wait now. */
  #waitingSince = 0;
  #heardAt: number;
  #pingedAt: number | undefined;
  #cancelTimer: CancelTimer | undefined;

  constructor(times: KeepaliveTimes | false, pace: KeepalivePace, clock: Clock, link: KeepaliveLink) {
    this.#times = times;
    this.#pace = pace;
    this.#clock = clock;
    this.#link = link;
    this.#heardAt = clock.now();
    this.#reschedule();
  }

  /** Something arrived from the other side. */
  heard(): void {
    this.#heardAt = this.#clock.now();
    if (this.#pingedAt === undefined) return;
    this.#pingedAt = undefined;
    this.#reschedule(); // the timer waits for this very answer, perhaps beyond the time of the next ping
  }

  /** Tells how many streams are open. */
  streams(count: number): void {
    // Silence while nothing was asked for says nothing about the link.
    if (this.#streams === 0 && count > 0) this.#heardAt = Math.max(this.#heardAt, this.#clock.now());
    const woken = (this.#streams === 0) !== (count === 0);
    this.#streams = count;
    if (woken) this.#reschedule();
  }

  /** Tells that a call began (1) or ceased (-1) to wait for its one answer. */
  waiting(change: 1 | -1): void {
    const before = this.#waiting;
    this.#waiting += change;
    if (before === 0) this.#waitingSince = this.#clock.now();
    if ((before === 0) !== (this.#waiting === 0)) this.#reschedule();
  }

  /** The server finds the pings too many: half as many from now on (gRPC proposal A8). */
  slowDown(): void {
    this.#pace.slowness *= 2;
  }

  /** For good; what is told afterwards counts for nothing. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#pingedAt = undefined;
  }

  #reschedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const times = this.#times;
    if (this.#stopped || times === false || !this.#isWatching(times)) return;
    const dueAt = this.#dueAt(times);
    this.#cancelTimer = this.#clock.setTimer(dueAt - this.#clock.now(), () => this.#due(times), false);
  }

  /**
   * A ping that is out is judged also when the last call has ended meanwhile, be it that its caller lost patience: the
   * next call is not to be sent over a link that answers nobody, where it would end as `unknown`, if a write.
   */
  #isWatching(times: KeepaliveTimes): boolean {
    return this.#streams > 0 || times.withoutCalls || this.#pingedAt !== undefined;
  }

  /** When the next ping is due, or after one its answer. */
  #dueAt(times: KeepaliveTimes): number {
    const hurry = this.#waiting > 0;
    if (this.#pingedAt !== undefined) {
      const usual = this.#pingedAt + times.timeoutMs;
      // A call that begins while a ping is out must not be the end of a link that still had time to answer.
      return hurry ? Math.min(usual, Math.max(this.#pingedAt, this.#waitingSince) + waitingTimeoutMs) : usual;
    }
    return (
      this.#heardAt +
      (hurry ? Math.min(times.intervalMs, waitingIntervalMs) : times.intervalMs) * this.#pace.slowness
    );
  }

  #due(times: KeepaliveTimes): void {
    // Traffic since the timer was set has moved the due time; moving the timer each time would cost more.
    if (this.#clock.now() < this.#dueAt(times)) {
      this.#reschedule();
      return;
    }
    const pingedAt = this.#pingedAt;
    if (pingedAt === undefined) {
      this.#pingedAt = this.#clock.now();
      this.#link.ping();
      this.#reschedule();
      return;
    }
    setImmediate(() => {
      if (this.#pingedAt === pingedAt) this.#link.dead(this.#clock.now() - this.#heardAt);
      else this.#reschedule();
    });
  }
}
