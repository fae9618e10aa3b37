import type { Clock } from "../clock.js";
import { ConnectionViolation, ErrorCode } from "./frame.js";

// Ten times what the chattiest server sends: grpc-go probes the bandwidth with a ping a round trip.
const mostPerSecond = 10_000;
// What still comes for a stream that this side has reset: the head of its answer, the trailers, a reset.
const framesOfLateAnswer = 3;
// Of a hundred thousand calls that are given up at once.
const mostExcused = 300_000;

/** Ends a connection whose server keeps us busy with frames that carry nothing (RFC 9113, 10.5). */
export class FloodGuard {
  readonly #clock: Clock;
  #since = 0;
  #count = 0;
  #excused = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This side has reset a stream: an answer to it that is under way is no fault of the server's. */
  excuse(): void {
    this.#excused = Math.min(this.#excused + framesOfLateAnswer, mostExcused);
  }

  /** Counts a frame for a stream that is no more, unless it is {@link excuse}d. @throws as {@link count}. */
  countLate(what: string): void {
    if (this.#excused > 0) this.#excused--;
    else this.count(what);
  }

  /** Counts one such frame. @throws {@link ConnectionViolation} when there are too many. */
  count(what: string): void {
    if (++this.#count < mostPerSecond) return;
    const now = this.#clock.now();
    if (now - this.#since < 1_000) {
      throw new ConnectionViolation(ErrorCode.enhanceYourCalm, `a flood of ${what} frames`);
    }
    this.#since = now;
    this.#count = 0;
  }
}
