import type { CancelTimer, Clock } from "../connection/clock.js";

/** When a link that has fallen silent is asked for a sign of life, and when it is given up. */
export interface KeepaliveTimes {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly withoutCalls: boolean;
}

// While a call waits for its one answer a dead link is found sooner, so that a read still has time for another member.
// Never below 5 s: etcd hangs up on clients that ping more often.
const waitingIntervalMs = 5_000;
const waitingTimeoutMs = 2_000;

/** What a {@link Keepalive} does to the link it watches. */
export interface KeepaliveLink {
  ping(onAnswer: () => void): void;
  dead(silenceMs: number): void;
}

/** How patient the pings to one endpoint are. It outlives the links: a server that found them too many ends the link. */
export class PingPace {
  #factor = 1;

  /** What intervals are multiplied by. */
  get factor(): number {
    return this.#factor;
  }

  /** The server finds the pings too many: half as many from now on (gRPC proposal A8). */
  slowDown(): void {
    this.#factor *= 2;
  }
}

/**
 * Watches one link by pings: only while streams are open (unless told otherwise), and only after silence.
 *
 * After a stall of the event loop Node runs timers before it reads sockets; so a missing answer is judged one turn of
 * the loop after its time was up, when everything that had arrived has been read.
 */
export class Keepalive {
  readonly #times: KeepaliveTimes | false;
  readonly #clock: Clock;
  readonly #link: KeepaliveLink;
  readonly #pace: PingPace;
  #streams = 0;
  #waiting = 0;
  #heardAt: number;
  #pingedAt: number | undefined;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(
    times: KeepaliveTimes | false,
    clock: Clock,
    link: KeepaliveLink,
    pace: PingPace = new PingPace(),
  ) {
    this.#times = times;
    this.#clock = clock;
    this.#link = link;
    this.#pace = pace;
    this.#heardAt = clock.now();
    this.#reschedule();
  }

  /** Something arrived from the other side. */
  heard(): void {
    this.#heardAt = this.#clock.now();
    this.#pingedAt = undefined;
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
    if ((before === 0) !== (this.#waiting === 0)) this.#reschedule();
  }

  /** The link is gone; for good. */
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
    if (this.#stopped || times === false || (this.#streams === 0 && !times.withoutCalls)) return;
    const dueAt = this.#dueAt(times);
    this.#cancelTimer = this.#clock.setTimer(dueAt - this.#clock.now(), () => this.#due(times), false);
  }

  /** When the next ping is due, or after one its answer. */
  #dueAt(times: KeepaliveTimes): number {
    const hurry = this.#waiting > 0;
    if (this.#pingedAt !== undefined) {
      return this.#pingedAt + (hurry ? Math.min(times.timeoutMs, waitingTimeoutMs) : times.timeoutMs);
    }
    return (
      this.#heardAt +
      (hurry ? Math.min(times.intervalMs, waitingIntervalMs) : times.intervalMs) * this.#pace.factor
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
      this.#link.ping(() => {
        this.heard();
        this.#reschedule();
      });
      this.#reschedule();
      return;
    }
    setImmediate(() => {
      if (this.#stopped) return;
      if (this.#pingedAt === pingedAt) this.#link.dead(this.#clock.now() - this.#heardAt);
      else this.#reschedule();
    });
  }
}
