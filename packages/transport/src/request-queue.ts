import type { CancelTimer, Clock } from "./clock.js";
import type { Http2Connection } from "./http2/connection.js";

/** A request that waits because the server's limit of streams is reached. */
export interface Queued {
  readonly start: (connection: Http2Connection) => void;
  readonly settled: () => boolean;
  readonly fail: (reason: unknown) => void;
  /** Settles with the call, whatever ends that. */
  readonly answer: Promise<unknown>;
  /** Whether nobody waits for it: it does not keep the process alive. */
  readonly background: boolean;
}

const shortQueue = 64;

/**
 * Requests in line for a stream. No open stream may keep the process alive meanwhile, not even one when the server allows
 * none; so the queue does, as long as somebody waits in it.
 */
export class RequestQueue {
  readonly #clock: Clock;
  #queue: Queued[] = [];
  /** Those in the queue that somebody waits for. */
  readonly #awaited = new Set<Queued>();
  #letGo: CancelTimer | undefined;
  /** Length of the queue at which calls that are over are swept out of it. */
  #sweepAt = shortQueue;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  /** Starts a request on `connection`, behind those that wait, as soon as there is room. */
  add(queued: Queued, connection: Http2Connection): void {
    if (this.#queue.length >= this.#sweepAt) {
      // Calls whose time is up must not pile up behind a limit that never rises.
      this.#queue = this.#queue.filter((waiting) => !waiting.settled());
      this.#sweepAt = Math.max(shortQueue, 2 * this.#queue.length);
    }
    this.#queue.push(queued);
    this.serve(connection);
    if (this.#queue.at(-1) === queued && !queued.background && !queued.settled()) this.#hold(queued);
  }

  /** Starts what waits, as far as the server's limit of streams allows. */
  serve(connection: Http2Connection): void {
    while (connection.open && !connection.full) {
      const queued = this.#queue.shift();
      if (queued === undefined) return;
      this.#release(queued);
      if (queued.settled()) continue;
      try {
        queued.start(connection);
      } catch (error) {
        queued.fail(error);
      }
    }
  }

  /** Fails everything that waits. */
  fail(reason: unknown): void {
    for (const queued of this.#queue.splice(0)) {
      this.#release(queued);
      queued.fail(reason);
    }
  }

  #hold(queued: Queued): void {
    this.#awaited.add(queued);
    this.#letGo ??= this.#clock.setTimer(Number.POSITIVE_INFINITY, () => undefined, true);
    const release = (): void => this.#release(queued);
    queued.answer.then(release, release);
  }

  #release(queued: Queued): void {
    if (!this.#awaited.delete(queued) || this.#awaited.size > 0) return;
    this.#letGo?.();
    this.#letGo = undefined;
  }
}
