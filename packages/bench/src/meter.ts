import { Histogram } from "./histogram.js";

/** Told about the two ends of the measured time. */
export interface MeterEvents {
  onBegin(): void;
  onEnd(): void;
}

/**
 * Counts operations that end within a stretch of time. It looks at the clock only through the times that it is given,
 * so that a busy event loop cannot move the ends away from the operations that belong to them.
 */
export class Meter {
  readonly latencies: Histogram = new Histogram();
  readonly #measureMs: number;
  readonly #events: MeterEvents;
  #phase: "warm-up" | "measuring" | "over" = "warm-up";
  #began = 0;
  #boundary: number;
  #operations = 0;
  #measuredMs = 0;

  /**
   * @param now - When the warm-up begins, in milliseconds of the clock of {@link Meter.record}.
   */
  constructor(now: number, warmUpMs: number, measureMs: number, events: MeterEvents) {
    this.#boundary = now + warmUpMs;
    this.#measureMs = measureMs;
    this.#events = events;
  }

  /** Whether there is still something to be measured. */
  get isOpen(): boolean {
    return this.#phase !== "over";
  }

  /** Operations that ended in the measured time. */
  get operations(): number {
    return this.#operations;
  }

  /** From the last operation of the warm-up to the last measured one. */
  get measuredMs(): number {
    return this.#measuredMs;
  }

  /** An operation has ended. */
  record(startedMs: number, endedMs: number): void {
    if (this.#phase === "measuring") {
      this.#operations++;
      this.latencies.record(endedMs - startedMs);
    }
    if (endedMs >= this.#boundary) this.#cross(endedMs);
  }

  /** Nothing more is counted: an operation has failed. */
  abandon(): void {
    this.#phase = "over";
  }

  #cross(now: number): void {
    if (this.#phase === "warm-up") {
      this.#phase = "measuring";
      this.#began = now;
      this.#boundary = now + this.#measureMs;
      this.#events.onBegin();
    } else if (this.#phase === "measuring") {
      this.#phase = "over";
      this.#measuredMs = now - this.#began;
      this.#events.onEnd();
    }
  }
}
