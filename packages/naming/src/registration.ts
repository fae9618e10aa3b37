import {
  type Clock,
  EtcdError,
  isEtcdError,
  isKeepAliveHalted,
  type Leases,
  systemClock,
} from "@etcdkit/core";
import {
  type BackOff,
  callChecks,
  checkClock,
  checkFunction,
  checkLeases,
  checkOptions,
  optionTable,
  pauseMs,
  sleep,
} from "@etcdkit/core/spi";
import { type OpenLease, openLease } from "@etcdkit/lease";
import type { Endpoint } from "./endpoint.js";
import { encodeEndpoint } from "./endpoint-json.js";
import { checkKey } from "./endpoint-keys.js";
import type { EndpointManager } from "./endpoint-manager.js";

/** What a registration is made with. */
export interface RegistrationServices {
  /** Of the service that the endpoint belongs to. */
  readonly manager: EndpointManager;
  /** Of the same cluster as the manager's services. */
  readonly leases: Leases;
}

/** Options of {@link openRegistration}. */
export interface RegistrationOptions {
  /**
   * How long the endpoint outlives this process at most, in whole seconds, 1 to 9_000_000_000. The server raises a short
   * one. Default 10.
   */
  readonly ttlSeconds?: number | undefined;
  /** Ends the opening, which rejects with its reason; and later closes the registration. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Is told whenever the endpoint was lost (`false`, with the reason) or is there again (`true`), and of each attempt to
   * register again that failed (`false`, with its error). What it throws is dropped.
   */
  readonly onChange?: ((registered: boolean, reason: unknown) => void) | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** An endpoint that stays registered for as long as this process lives and is connected. */
export interface Registration extends AsyncDisposable {
  readonly key: string;
  readonly endpoint: Endpoint;
  /** Whether the lease of the endpoint is known to be alive at this moment, by the monotonic clock. */
  isRegistered(): boolean;
  /**
   * Takes the endpoint out of the directory and ends the keeping of its lease. Serve on for a moment: clients have to hear
   * of it. Idempotent.
   *
   * @throws (rejects) `EtcdError` when the lease could not be revoked. The endpoint then goes when the lease expires. A lease
   * that was lost already is past caring for.
   */
  close(): Promise<void>;
}

const backOff: BackOff = { baseMs: 100, capMs: 5_000, jitter: 1 };

const table = optionTable("openRegistration", {
  ttlSeconds: () => undefined, // openLease looks at it
  signal: callChecks.signal,
  onChange: checkFunction,
  clock: checkClock,
});

/**
 * Registers an endpoint under a lease that is kept alive, and again under a new one whenever the lease was lost: after an
 * outage that was longer than the time to live, or a stop of the process, the endpoint comes back by itself. It tries after
 * pauses of up to 5 s until it succeeds or is closed.
 *
 * Resolves once the endpoint is there. An endpoint that somebody deletes stays deleted until the lease is lost: that is how
 * an operator takes an instance out.
 *
 * @param key - As of {@link EndpointManager.add}. Who registers the same key later has it; the registrations do not fight.
 * @throws (rejects) What the first attempt fails with: as `Leases.grant` and {@link EndpointManager.add};
 * `options.signal.reason`. Nothing is left then but, if it cannot be revoked, a lease that expires.
 */
export async function openRegistration(
  services: RegistrationServices,
  key: string,
  endpoint: Endpoint,
  options: RegistrationOptions = {},
): Promise<Registration> {
  const { manager, leases } = (services ?? {}) as Partial<RegistrationServices>;
  if (typeof manager !== "object" || manager === null || !("add" in manager && "target" in manager)) {
    throw new TypeError("manager must be an EndpointManager");
  }
  checkLeases(leases, "leases");
  checkOptions(table, options);
  checkKey(key, manager.target);
  encodeEndpoint(endpoint, "endpoint"); // only to see that it can be done
  const copy = structuredClone(endpoint);
  const setup = { manager, leases, key, endpoint: copy, ttlSeconds: options.ttlSeconds ?? 10 };
  const lease = await register(setup, options.signal);
  return new KeptRegistration(setup, options, lease);
}

interface Setup extends RegistrationServices {
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly ttlSeconds: number;
}

/**
 * One attempt, with a lease of its own: when it fails, whatever it did goes with the lease.
 *
 * @param onUndo - Is given the end of that lease, which never rejects.
 */
async function register(
  setup: Setup,
  signal: AbortSignal | undefined,
  onUndo?: (undoing: Promise<void>) => void,
): Promise<OpenLease> {
  const { manager, leases, key, endpoint, ttlSeconds } = setup;
  const lease = await openLease(leases, { ttlSeconds, signal });
  try {
    await manager.add(key, endpoint, { leaseId: lease.id, signal });
    return lease;
  } catch (error) {
    const undoing = lease.close().catch(() => undefined);
    onUndo?.(undoing);
    throw error;
  }
}

class KeptRegistration implements Registration {
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly #setup: Setup;
  readonly #clock: Clock;
  readonly #onChange: RegistrationOptions["onChange"];
  readonly #outer: AbortSignal | undefined;
  readonly #closing = new AbortController();
  readonly #onAbort = (): void => void this.close().catch(() => undefined);
  readonly #keeping: Promise<void>;
  #lease: OpenLease;
  #closure: Promise<void> | undefined;

  constructor(
    setup: Setup,
    { signal, onChange, clock = systemClock }: RegistrationOptions,
    lease: OpenLease,
  ) {
    this.key = setup.key;
    this.endpoint = setup.endpoint;
    this.#setup = setup;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#outer = signal;
    this.#lease = lease;
    this.#keeping = this.#keep();
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
  }

  isRegistered(): boolean {
    return this.#closure === undefined && this.#lease.isHeld();
  }

  close(): Promise<void> {
    this.#closure ??= this.#close();
    return this.#closure;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#outer?.removeEventListener("abort", this.#onAbort);
    this.#closing.abort(new EtcdError("CLOSED", "the registration was closed"));
    await this.#keeping;
    await this.#lease.close();
  }

  /** Never rejects. */
  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const reason = await lossOf(this.#lease, signal);
      if (signal.aborted) return;
      this.#tell(false, reason);
      if (isOver(reason) || !(await this.#registerAgain())) return;
    }
  }

  /** Resolves to whether it succeeded; otherwise there is no use in going on. */
  async #registerAgain(): Promise<boolean> {
    const { signal } = this.#closing;
    for (let failures = 0; ; failures++) {
      let undoing: Promise<void> | undefined;
      try {
        if (failures > 0) await sleep(this.#clock, pauseMs(backOff, failures), signal);
        this.#lease = await register(this.#setup, signal, (closure) => {
          undoing = closure;
        });
        this.#tell(true, undefined);
        return true;
      } catch (error) {
        if (!signal.aborted) this.#tell(false, error);
        // A write of this attempt that comes late, after that of the next one, would tie the endpoint to a lease that nobody
        // keeps.
        await undoing;
        if (signal.aborted || isOver(error)) return false;
      }
    }
  }

  #tell(registered: boolean, reason: unknown): void {
    try {
      this.#onChange?.(registered, reason);
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** Waits until a lease is lost, and resolves with why; or until `closing` aborts. */
function lossOf(lease: OpenLease, closing: AbortSignal): Promise<unknown> {
  const { signal } = lease;
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener("abort", end);
      closing.removeEventListener("abort", end);
      resolve(signal.reason);
    };
    signal.addEventListener("abort", end, { once: true });
    closing.addEventListener("abort", end, { once: true });
    if (signal.aborted || closing.aborted) end();
  });
}

/** Whoever closed the leases or the connection will not open them again. */
function isOver(error: unknown): boolean {
  return isEtcdError(error, "CLOSED") || isKeepAliveHalted(error, "closed");
}
