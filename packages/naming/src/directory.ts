import { type CallOptions, type Clock, EtcdError, isEtcdError, systemClock } from "@etcdkit/core";
import {
  type BackOff,
  CallLimits,
  callChecks,
  checkClock,
  checkFunction,
  checkOptions,
  optionTable,
  pauseMs,
  sleep,
} from "@etcdkit/core/spi";
import type { Endpoints } from "./endpoint.js";
import { checkNamingServices, endpointChanges, type NamingServices } from "./endpoint-changes.js";
import { checkTarget } from "./endpoint-keys.js";
import { guarded, type OnSkipped, warnOnce } from "./skipped.js";

/** Options of {@link openDirectory}. */
export interface DirectoryOptions {
  /** As of an endpoint manager: told of entries that cannot be read. Default: one warning of the process. */
  readonly onSkipped?: OnSkipped | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/**
 * The endpoints of one service as they are now: read once, then followed. What balances calls stands on it.
 *
 * While etcd cannot be reached, or refuses, the endpoints stay as they were last: a service works on without its
 * directory. The directory meanwhile tries again, after pauses of up to 5 s, until it is closed.
 */
export interface Directory extends AsyncDisposable {
  /** The name of the service. */
  readonly target: string;
  /** In the order of keys; `undefined` until they were read for the first time. The map is never changed, but replaced. */
  readonly endpoints: Endpoints | undefined;
  /**
   * Why the directory cannot be followed at the moment; `undefined` while it can, as far as is known. `EtcdError` `CLOSED`
   * once it was closed, or its services were: it is not followed any more.
   */
  readonly error: unknown;
  /**
   * Calls `listener`, without arguments, whenever `endpoints` or `error` have changed. What it throws is dropped. The
   * result unsubscribes.
   *
   * @throws `TypeError` for what is no function.
   */
  subscribe(listener: () => void): () => void;
  /**
   * Waits until the endpoints were read for the first time.
   *
   * @param call - `signal`, and `timeoutMs`, in milliseconds: default 10 000.
   * @throws (rejects) `EtcdError` `DEADLINE` with the last failure as `cause`; `CLOSED`; `call.signal.reason`.
   */
  ready(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<Endpoints>;
  /** Follows the service no longer. `endpoints` stay as they are. Idempotent. */
  close(): Promise<void>;
}

// Each pause is a matter of chance, so that clients that lost etcd together do not come back together.
const backOff: BackOff = { baseMs: 100, capMs: 5_000, jitter: 1 };

/** Who was followed this long starts again with the shortest pause. */
const healthyAfterMs = 10_000;

const defaultTimeoutMs = 10_000;

const table = optionTable("openDirectory", { onSkipped: checkFunction, clock: checkClock });
const readyTable = optionTable("ready", { signal: callChecks.signal, timeoutMs: callChecks.timeoutMs });

/**
 * Follows the endpoints of a service. Returns at once and reads at once.
 *
 * @param services - As of `createEndpointManager`. They must stay open for as long as the directory.
 * @throws `TypeError` as `createEndpointManager`.
 */
export function openDirectory(
  services: NamingServices,
  target: string,
  options: DirectoryOptions = {},
): Directory {
  checkNamingServices(services);
  checkTarget(target);
  checkOptions(table, options);
  return new FollowedDirectory(services, target, options);
}

class FollowedDirectory implements Directory {
  readonly target: string;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<{ readonly notify: () => void }>();
  readonly #following: Promise<void>;
  #endpoints: Endpoints | undefined;
  #error: unknown;

  constructor(services: NamingServices, target: string, options: DirectoryOptions) {
    this.target = target;
    this.#clock = options.clock ?? systemClock;
    this.#following = this.#follow(services, guarded(options.onSkipped ?? warnOnce()));
  }

  get endpoints(): Endpoints | undefined {
    return this.#endpoints;
  }

  get error(): unknown {
    return this.#error;
  }

  subscribe(listener: () => void): () => void {
    checkFunction(listener, "listener");
    const entry = { notify: listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  async ready(call: Pick<CallOptions, "signal" | "timeoutMs"> = {}): Promise<Endpoints> {
    checkOptions(readyTable, call);
    const { signal, timeoutMs = defaultTimeoutMs } = call;
    let stop = (): void => undefined;
    const read = new Promise<Endpoints>((resolve, reject) => {
      const look = (): void => {
        if (this.#endpoints !== undefined) resolve(this.#endpoints);
        else if (isEtcdError(this.#error, "CLOSED")) reject(this.#error);
      };
      stop = this.subscribe(look);
      look();
    });
    const limits = new CallLimits("ready", { signal, timeoutMs }, this.#clock);
    try {
      return await limits.race(read);
    } catch (error) {
      const timeUp = limits.told(error) !== error;
      if (!timeUp) throw error;
      const text = `the endpoints of "${this.target}" could not be read in ${timeoutMs} ms`;
      throw new EtcdError("DEADLINE", text, { cause: this.#error });
    } finally {
      limits.end();
      stop();
    }
  }

  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      const error = new EtcdError("CLOSED", "the directory was closed");
      this.#closing.abort(error);
      this.#become(this.#endpoints, error);
    }
    await this.#following;
    this.#listeners.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Never rejects. */
  async #follow(services: NamingServices, onSkipped: OnSkipped): Promise<void> {
    const { signal } = this.#closing;
    const { target } = this;
    let failures = 0;
    while (!signal.aborted) {
      const began = this.#clock.now();
      try {
        const known = this.#endpoints;
        for await (const change of endpointChanges(services, { target, signal, onSkipped, known })) {
          if (signal.aborted) return;
          this.#become(change.endpoints, undefined);
        }
        throw new EtcdError("CLOSED", "the watcher was closed");
      } catch (error) {
        if (signal.aborted) return;
        this.#become(this.#endpoints, error);
        // Whoever closed the services will not open them again.
        if (isEtcdError(error, "CLOSED")) return;
        // What is read well and then not followed, over and over, is a failure as well.
        failures = this.#clock.now() - began >= healthyAfterMs ? 1 : failures + 1;
        await sleep(this.#clock, pauseMs(backOff, failures), signal, false).catch(() => undefined);
      }
    }
  }

  #become(endpoints: Endpoints | undefined, error: unknown): void {
    if (endpoints === this.#endpoints && error === this.#error) return;
    this.#endpoints = endpoints;
    this.#error = error;
    this.#notify();
  }

  #notify(): void {
    for (const entry of [...this.#listeners]) {
      // One that was taken off by another meanwhile is not called any more.
      if (!this.#listeners.has(entry)) continue;
      try {
        entry.notify();
      } catch {
        // The directory goes on, for the others.
      }
    }
  }
}
