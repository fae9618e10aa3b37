import type { Clock } from "../clock.js";
import { ConnectionViolation, ErrorCode } from "./frame.js";

// Ten times what the chattiest server sends: grpc-go probes the bandwidth with a ping a round trip.
const mostPerSecond = 10_000;

/** Ends a connection whose server keeps us busy with frames that carry nothing (RFC 9113, 10.5). */
export class FloodGuard {
  readonly #clock: Clock;
  #since = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
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
