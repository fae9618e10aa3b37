import { type Clock, systemClock } from "@etcdkit/transport";
import { delayOf } from "./errors/abort-delay.js";
import { EtcdError, outcomeOf } from "./errors/etcd-error.js";
import type { Outcome } from "./errors/outcome.js";

/** How long a call that waits may wait. */
export interface WaitOptions {
  /** Ends the wait: the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The longest that the call may take, in milliseconds; above 0. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

const answerTimeoutMs = 10_000;

/** For calls that wait for nothing but the cluster's answer: without a time limit of their own they have ten seconds. */
export function forAnswer({ signal, timeoutMs = answerTimeoutMs }: WaitOptions = {}): WaitOptions {
  return { signal, timeoutMs };
}

/**
 * All that can end a call of several steps, in one signal: the caller, the time limit, and whatever else it follows, such as
 * the end of a session. To be ended with the call, since some of it outlives the call by far: links of `AbortSignal.any`
 * would stay. See {@link withinLimits}.
 */
export class CallLimits {
  /** What is waited for at the moment, in words that go on after "waiting for": for the error when the time is up. */
  waitingFor: string | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];
  #timeUp: EtcdError | undefined;

  /** @param what - The call, for the error when its time is up. */
  constructor(what: string, { signal, timeoutMs }: WaitOptions = {}, clock: Clock = systemClock) {
    this.#caller = signal;
    if (signal !== undefined) this.follow(signal);
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY || this.signal.aborted) return;
    const expire = (): void => {
      if (this.signal.aborted) return;
      this.#timeUp = new EtcdError("DEADLINE", `${what} took longer than ${timeoutMs} ms`);
      this.#controller.abort(this.#timeUp);
    };
    // After a stall of the process, Node runs timers before it reads sockets: the answer may be there already.
    let hop: NodeJS.Immediate | undefined;
    const cancel = clock.setTimer(timeoutMs, () => (hop = setImmediate(expire)), true);
    this.#undo.push(cancel, () => clearImmediate(hop));
  }

  /** Aborts with whatever ends the call first. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the call when this aborts, with its reason; or with the caller's, who may have ended that by the same signal. */
  follow(signal: AbortSignal): void {
    const onAbort = (): void => {
      const { reason } = this.#caller?.aborted ? this.#caller : signal;
      this.#controller.abort(reason);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#undo.push(() => signal.removeEventListener("abort", onAbort));
  }

  /** What the work comes to, unless the call ends before. The work goes on then, and what becomes of it is not told. */
  async race<T>(work: PromiseLike<T>): Promise<T> {
    const { signal } = this;
    let onAbort = (): void => undefined;
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return await Promise.race([ended, work]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * What the call is to reject with for an error that ended it: where its time was up, an error that tells what was waited
   * for and why that took so long; else the error itself.
   *
   * @param outcome - For writes: what is known of the write. Left out: what the step that was ended knew.
   */
  told(error: unknown, outcome: Outcome | undefined = outcomeOf(error)): unknown {
    const timeUp = this.#timeUp;
    if (timeUp === undefined || error !== timeUp) return error;
    const { what = this.waitingFor, endpoint, cause } = delayOf(timeUp) ?? {};
    const text = what === undefined ? timeUp.message : `${timeUp.message}, waiting for ${what}`;
    return new EtcdError("DEADLINE", text, { outcome, endpoint, cause });
  }

  /** Leaves nothing behind on what was followed. */
  end(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }
}

/**
 * Runs a call of several steps within its limits; see {@link CallLimits}.
 *
 * @throws (rejects) What `run` throws; the caller's reason, when that has aborted before; `DEADLINE` when its time was up.
 */
export async function withinLimits<T>(
  what: string,
  options: WaitOptions | undefined,
  run: (limits: CallLimits) => Promise<T>,
): Promise<T> {
  const limits = new CallLimits(what, options);
  try {
    limits.signal.throwIfAborted();
    return await run(limits);
  } catch (error) {
    throw limits.told(error);
  } finally {
    limits.end();
  }
}
