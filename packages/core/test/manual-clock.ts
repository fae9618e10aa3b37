import { setImmediate as turn } from "node:timers/promises";
import type { CancelTimer, Clock } from "@etcdkit/transport";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
  readonly keepAlive: boolean;
}

/**
 * A clock that stands still until a test moves it, for what waits for promises as well as for time: between two timers
 * everything runs that can, so that the next one is set in time. The transport has a clock of its own for its tests. It
 * moves within one turn, since nothing in there waits for promises, and that is what those tests are to see.
 */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 1_000;

  now(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void, keepAlive: boolean): CancelTimer {
    const timer = { at: this.#now + Math.max(delayMs, 0), callback, keepAlive };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The timers that are set: in how many milliseconds each is due, and whether it keeps the process alive. */
  get timers(): readonly { readonly dueInMs: number; readonly keepAlive: boolean }[] {
    return [...this.#timers].map(({ at, keepAlive }) => ({ dueInMs: at - this.#now, keepAlive }));
  }

  /** Lets everything run that waits for no time. */
  async settle(): Promise<void> {
    await turn();
    await turn();
  }

  /** Moves time on, and fires what is due on the way, each timer at its own moment. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    while (true) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers.delete(next);
      next.callback();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }

  /** Moves time on without firing anything, as a stall of the event loop does. */
  stall(ms: number): void {
    this.#now += ms;
  }

  /** Fires what is due, in one go: what Node does first after a stall, before it reads any socket. */
  fireDue(): void {
    for (const timer of [...this.#timers]) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) timer.callback();
    }
  }
}
