import { EtcdError, isEtcdError } from "@etcdkit/core";
import { pauseMs, sleep } from "@etcdkit/core/spi";
import { type LeasingGround, LeasingSession } from "./leasing-session.js";
import type { TimeLimit } from "./time-limit.js";

/** Pauses between sessions: 100 ms at least, 2 s at most. */
const patience = { baseMs: 200, capMs: 2_000, jitter: 0.5 };

/** After a session that lasted this long, the next loss begins with the shortest pause. */
const healthyAfterMs = 10_000;

/** Sees to it that there is a session: opens another whenever one has ended. */
export class SessionKeeper {
  readonly #ground: LeasingGround;
  readonly #life: AbortController;
  readonly #done: Promise<void>;
  /** Sessions that have ended and whose lease is being revoked. */
  readonly #ending = new Set<Promise<void>>();
  #current: LeasingSession | undefined;
  /** Settles when there is a session again; one promise for all that wait. */
  #opened: Promise<void>;
  #announce: () => void = nothing;
  #failure: unknown;

  /** @param life - Its signal is that of the ground. */
  private constructor(ground: LeasingGround, life: AbortController, first: LeasingSession) {
    this.#ground = ground;
    this.#life = life;
    this.#opened = this.#announcement();
    this.#done = this.#keep(first);
  }

  /** Opens the first session. @throws (rejects) What {@link LeasingSession.open} throws. */
  static async start(ground: LeasingGround, life: AbortController): Promise<SessionKeeper> {
    return new SessionKeeper(ground, life, await LeasingSession.open(ground));
  }

  /** The session, if there is one. */
  get current(): LeasingSession | undefined {
    return this.#current?.signal.aborted === false ? this.#current : undefined;
  }

  /** The session, once there is one. */
  async ready(limit: TimeLimit): Promise<LeasingSession> {
    while (true) {
      const { current } = this;
      if (current !== undefined) return current;
      await limit.wait(this.#opened, "a lease to write under", () => this.#failure);
    }
  }

  /** Ends the session, and everything. Resolves when its lease is revoked, or cannot be. */
  async close(): Promise<void> {
    if (!this.#life.signal.aborted) this.#life.abort(new EtcdError("CLOSED", "closed by the program"));
    this.#current?.end(this.#life.signal.reason);
    await this.#done;
    await Promise.all(this.#ending);
  }

  async #keep(first: LeasingSession): Promise<void> {
    const { clock, life } = this.#ground;
    let session: LeasingSession | undefined = first;
    for (let failures = 0; !life.aborted; ) {
      if (session !== undefined) {
        const since = clock.now();
        await this.#serve(session);
        if (clock.now() - since >= healthyAfterMs) failures = 0;
      }
      failures += 1;
      await sleep(clock, pauseMs(patience, failures), life).catch(() => undefined);
      if (life.aborted) break;
      session = await this.#open();
    }
    session?.end(life.reason);
    if (session !== undefined) await session.closed();
  }

  /** Lets a session be used until it ends. */
  async #serve(session: LeasingSession): Promise<void> {
    const { signal } = session;
    this.#current = session;
    this.#announce();
    await new Promise<void>((resolve) => {
      const onEnd = (): void => {
        this.#opened = this.#announcement();
        resolve();
      };
      signal.addEventListener("abort", onEnd, { once: true });
      // It may have ended before it was open. Those who were told of it wait for the next one, not for this one again.
      if (signal.aborted) onEnd();
    });
    this.#current = undefined;
    this.#failure = signal.reason;
    const closing = session.closed().finally(() => this.#ending.delete(closing));
    this.#ending.add(closing);
  }

  async #open(): Promise<LeasingSession | undefined> {
    try {
      return await LeasingSession.open(this.#ground);
    } catch (error) {
      this.#failure = error;
      // What it is built on was closed, and nothing will come of it any more.
      if (isEtcdError(error, "CLOSED") && !this.#life.signal.aborted) this.#life.abort(error);
      return undefined;
    }
  }

  #announcement(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#announce = resolve;
    });
  }
}

function nothing(): void {}
