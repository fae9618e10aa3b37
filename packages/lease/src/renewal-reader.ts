import type { LeaseRenewal } from "@etcdkit/core";
import type { KeepAliveHandle } from "./keep-alive-handle.js";

interface Waiting {
  resolve(result: IteratorResult<LeaseRenewal, undefined>): void;
  reject(reason: unknown): void;
}

/** One iteration over the renewals of a keep-alive. It keeps none: who comes late gets the newest. */
export class RenewalReader implements AsyncIterator<LeaseRenewal, undefined> {
  readonly #handle: KeepAliveHandle;
  readonly #waiting: Waiting[] = [];
  #seen: LeaseRenewal | undefined;
  #over = false;

  constructor(handle: KeepAliveHandle) {
    this.#handle = handle;
  }

  next(): Promise<IteratorResult<LeaseRenewal, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#handle.expects(this, true);
      this.advance();
    });
  }

  /** The reader leaves the loop, and nobody renews a lease for a loop that was left. */
  async return(): Promise<IteratorResult<LeaseRenewal, undefined>> {
    this.#over = true;
    await this.#handle.close();
    this.advance();
    return { done: true, value: undefined };
  }

  /** Something happened: serves who waits, if there is something for them. */
  advance(): void {
    const { halted, lease } = this.#handle;
    if (halted !== undefined) {
      const lost = halted.reason !== "closed" && !this.#over;
      this.#over = true; // thrown once
      if (lost) this.#waiting.shift()?.reject(halted);
      for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    } else if (lease.renewal !== undefined && lease.renewal !== this.#seen) {
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) {
        this.#seen = lease.renewal;
        waiting.resolve({ done: false, value: lease.renewal });
      }
    }
    if (this.#waiting.length === 0) this.#handle.expects(this, false);
  }
}
