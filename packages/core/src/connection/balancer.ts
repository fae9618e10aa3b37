import type { Clock } from "@etcdkit/transport";
import { EtcdError } from "../errors/etcd-error.js";
import type { Delay } from "./prerequisite.js";
import type { Subchannel } from "./subchannel.js";

/** How long a call may wait, and what it is. */
export interface Wait {
  readonly signal: AbortSignal | undefined;
  /** On the clock of the connection; `Infinity` for no deadline. */
  readonly deadline: number;
  readonly timeoutMs: number;
}

interface Waiter {
  wake(): void;
  fail(error: EtcdError): void;
}

/** Chooses the endpoint of each call among those that are ready, and lets calls wait while none is. */
export class Balancer {
  readonly #clock: Clock;
  readonly #policy: "round-robin" | "pick-first";
  readonly #waiters = new Set<Waiter>();
  #subchannels: readonly Subchannel[] = [];
  #next = 0;
  #wanted = false;
  #closedWith: EtcdError | undefined;

  constructor(clock: Clock, policy: "round-robin" | "pick-first") {
    this.#clock = clock;
    this.#policy = policy;
  }

  get subchannels(): readonly Subchannel[] {
    return this.#subchannels;
  }

  /** Why a call has to wait here. */
  get delay(): Delay {
    const cause = this.#describe("UNAVAILABLE", "no endpoint is ready");
    return { what: "an endpoint", endpoint: cause.endpoint, cause };
  }

  /** Replaces the choice. Calls that wait are served by the new one. */
  use(subchannels: readonly Subchannel[]): void {
    this.#subchannels = subchannels;
    // New endpoints are dialled though others are ready: they are to take their share, and some calls need another one.
    if (this.#wanted) this.wantAll();
    this.changed();
  }

  /**
   * Picks a ready link: to another endpoint than that of `avoid` and those in `tried` where there is a choice, else to one
   * of `tried`, else another link to that of `avoid`.
   *
   * @returns `undefined` when none is ready.
   */
  pick(avoid: Subchannel | undefined, tried?: ReadonlySet<string>): Subchannel | undefined {
    const all = this.#subchannels;
    const first = this.#policy === "pick-first" ? 0 : this.#next;
    let fallback: Subchannel | undefined;
    for (let step = 0; step < all.length; step++) {
      const index = (first + step) % all.length;
      const candidate = all[index];
      if (candidate === undefined || !candidate.usable) continue;
      const { url } = candidate.endpoint;
      const avoided = url === avoid?.endpoint.url;
      if (avoided || tried?.has(url)) {
        const worse = fallback === avoid || (!avoided && fallback?.endpoint.url === avoid?.endpoint.url);
        if (fallback === undefined || worse) fallback = candidate;
        continue;
      }
      this.#next = (index + 1) % all.length;
      return this.#lightest(candidate);
    }
    return fallback;
  }

  /**
   * Of the links to the same endpoint, the one with the fewest calls: none waits at a link where the server's limit of
   * streams is reached while another one has room.
   */
  #lightest(chosen: Subchannel): Subchannel {
    let lightest = chosen;
    for (const other of this.#subchannels) {
      if (other.calls < lightest.calls && other.usable && other.endpoint.url === chosen.endpoint.url)
        lightest = other;
    }
    return lightest;
  }

  /** Asks for every link, so that the choice is there when it is needed. */
  wantAll(): void {
    this.#wanted = true;
    for (const subchannel of this.#subchannels) subchannel.want();
  }

  /**
   * Waits until an endpoint is ready.
   *
   * @throws {@link EtcdError} `DEADLINE` when time is up; the code of the failure (`TLS`, `PROTOCOL`) as soon as every
   * endpoint has failed for good; `CLOSED`. Each names all endpoints with their reasons.
   * @throws `signal.reason` on abort.
   */
  ready(wait: Wait): Promise<void> {
    this.wantAll();
    const hopeless = this.#hopeless();
    if (hopeless !== undefined) return Promise.reject(hopeless);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        this.#waiters.delete(waiter);
        cancelTimer();
        wait.signal?.removeEventListener("abort", onAbort);
        finish();
      };
      const waiter: Waiter = {
        wake: () => settle(resolve),
        fail: (error) => settle(() => reject(error)),
      };
      const onAbort = (): void => settle(() => reject(wait.signal?.reason));
      // Without a deadline the timer still does its other work: it keeps the process alive while the call waits.
      const cancelTimer = this.#clock.setTimer(
        wait.deadline - this.#clock.now(),
        () => settle(() => reject(this.#timeUp(wait))),
        true,
      );
      this.#waiters.add(waiter);
      wait.signal?.addEventListener("abort", onAbort, { once: true });
      if (wait.signal?.aborted) onAbort();
    });
  }

  /** Something changed at an endpoint: wakes calls that can go on, and fails those that never will. */
  changed(): void {
    if (this.#waiters.size === 0) return;
    if (this.#subchannels.some((subchannel) => subchannel.usable)) {
      for (const waiter of [...this.#waiters]) waiter.wake();
      return;
    }
    const hopeless = this.#hopeless();
    if (hopeless === undefined) return;
    for (const waiter of [...this.#waiters]) waiter.fail(hopeless);
  }

  /** Ends every wait, now and later. */
  close(error: EtcdError): void {
    this.#closedWith = error;
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }

  #hopeless(): EtcdError | undefined {
    if (this.#closedWith !== undefined) return this.#closedWith;
    const failures = this.#subchannels.map((subchannel) => subchannel.failure);
    const first = failures[0];
    if (first === undefined || failures.some((failure) => failure?.forGood !== true)) return undefined;
    return this.#describe(first.error.code, "no endpoint can serve this connection");
  }

  #timeUp({ timeoutMs }: Wait): EtcdError {
    return this.#describe("DEADLINE", `no endpoint became ready within ${timeoutMs} ms`);
  }

  #describe(code: EtcdError["code"], summary: string): EtcdError {
    const urls = [...new Set(this.#subchannels.map((subchannel) => subchannel.endpoint.url))];
    const errors = urls.map((url) => {
      const subchannel = this.#subchannels.find(
        (one) => one.endpoint.url === url && one.lastError !== undefined,
      );
      const idle =
        subchannel === undefined && this.#subchannels.some((one) => one.endpoint.url === url && !one.serving);
      return (
        subchannel?.lastError ??
        new EtcdError("UNAVAILABLE", `${url}: ${idle ? "does not serve" : "no answer yet"}`, {
          endpoint: url,
        })
      );
    });
    return new EtcdError(code, `${summary}: ${errors.map((error) => error.message).join("; ")}`, {
      endpoint: urls.length === 1 ? urls[0] : undefined,
      cause: errors.length === 1 ? errors[0] : new AggregateError(errors, summary),
    });
  }
}
