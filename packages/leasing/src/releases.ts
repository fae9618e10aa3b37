import { type Clock, compare, type KvExecutor, op } from "@etcdkit/core";
import { pauseMs, sleep } from "@etcdkit/core/spi";

const patience = { baseMs: 50, capMs: 2_000, jitter: 1 };

/** What {@link Releases} work on. */
export interface ReleaseGround {
  readonly kv: KvExecutor;
  readonly clock: Clock;
  /** Aborts when the lease of the leasing keys is given up, and they with it. */
  readonly signal: AbortSignal;
}

interface Release {
  readonly token: bigint;
  /** Never rejects. */
  readonly done: Promise<void>;
}

/** Leasing keys of ours that are being deleted, each until it is certain that it is gone. */
export class Releases {
  readonly #ground: ReleaseGround;
  readonly #running = new Map<string, Release>();

  constructor(ground: ReleaseGround) {
    this.#ground = ground;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Whether a key is being given up. It is not to be acquired until that is done. */
  has(name: string): boolean {
    return this.#running.has(name);
  }

  /** Gives up a key. `token`: of the ownership that is over; a later one is left alone. */
  start(name: string, leasingKey: Uint8Array, token: bigint): void {
    const before = this.#running.get(name);
    if (before?.token === token || this.#ground.signal.aborted) return;
    const releasing = (before?.done ?? Promise.resolve()).then(() => this.#release(leasingKey, token));
    const release: Release = {
      token,
      done: releasing.then(() => {
        if (this.#running.get(name) === release) this.#running.delete(name);
      }),
    };
    this.#running.set(name, release);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #release(leasingKey: Uint8Array, token: bigint): Promise<void> {
    const { kv, clock, signal } = this.#ground;
    const release = op.txn({
      compare: [compare.createRevision(leasingKey).equals(token)],
      success: [op.delete(leasingKey)],
    });
    for (let failures = 0; !signal.aborted; ) {
      try {
        // A creation happens once, so a second deletion finds nothing: it may be repeated.
        await kv.execute(release, { signal, idempotent: true });
        return;
      } catch {
        failures += 1;
        await sleep(clock, pauseMs(patience, failures), signal).catch(() => undefined);
      }
    }
  }
}
