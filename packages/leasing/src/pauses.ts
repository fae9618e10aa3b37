import type { Clock } from "@etcdkit/core";

/** How long a key is left alone that was given up, or that cannot be had (etcd's leasing.NewKV, 2 seconds). */
const pauseMs = 2_000;

// Far more than a client can lose or be refused within two seconds.
const mostKeys = 100_000;

interface Pause {
  readonly until: number;
  /** The pause is over when the other owner is gone. */
  readonly foreign: boolean;
}

/**
 * Keys that are read from the server for a while, without an attempt to own them: an owner that was asked to let go must not
 * come back before the writer has had its turn, and an attempt that fails costs the cluster as much as a write.
 */
export class Pauses {
  readonly #clock: Clock;
  /** In the order in which they end. */
  readonly #keys = new Map<string, Pause>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param foreign - Whether somebody else owns the key: the pause then ends with that. */
  begin(name: string, foreign: boolean): void {
    this.#sweep();
    this.#keys.delete(name);
    this.#keys.set(name, { until: this.#clock.now() + pauseMs, foreign });
  }

  /** The key's owner is gone. */
  ownerGone(name: string): void {
    if (this.#keys.get(name)?.foreign === true) this.#keys.delete(name);
  }

  has(name: string): boolean {
    const pause = this.#keys.get(name);
    return pause !== undefined && pause.until > this.#clock.now();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [name, { until }] of this.#keys) {
      if (until > now && this.#keys.size < mostKeys) break;
      this.#keys.delete(name);
    }
  }
}
