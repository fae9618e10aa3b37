import {
  type CallOptions,
  EtcdError,
  isKeepAliveHalted,
  KeepAliveHaltedError,
  type Kv,
  type Leases,
  type Watcher,
} from "@etcdkit/core";
import {
  callChecks,
  checkId,
  checkLeases,
  checkOptions,
  checkReadonlyKv,
  checkServices,
  checkWatcher,
  optionTable,
} from "@etcdkit/core/spi";
import { adoptLease, type OpenLease, openLease } from "@etcdkit/lease";
import type { Session, SessionServices } from "./session.js";
import { createTurns, type Turns } from "./turns.js";

/** Options of {@link openSession}. */
export interface SessionOptions {
  /**
   * How long the session outlives this process at most, in whole seconds, 1 to 9_000_000_000; the server raises a short
   * one. Default 60. A short one frees the locks of a dead process soon; a long one gets over long stalls and outages.
   */
  readonly ttlSeconds?: number | undefined;
  /**
   * Adopts this lease, such as the one that the program had before it was restarted, instead of granting one; `ttlSeconds`
   * is of no effect then. A lease belongs to one session at a time: two sessions of one lease would both hold its locks.
   */
  readonly leaseId?: bigint | undefined;
  /**
   * Ends the opening, which rejects with its reason; and later the session (`CLOSED`). The lease is then left to expire
   * unless the session is closed.
   */
  readonly signal?: AbortSignal | undefined;
}

const defaultTtlSeconds = 60;
const openTable = optionTable("openSession", {
  // The rest of the check is the lease's.
  ttlSeconds: () => undefined,
  leaseId: checkId,
  signal: callChecks.signal,
});
const checkTable = optionTable("check", { signal: callChecks.signal, timeoutMs: callChecks.timeoutMs });

/**
 * Opens a session: grants a lease, or adopts one, and keeps it alive. Resolves once it is held.
 *
 * @param services - All of one namespace: a `TypeError` if not.
 * @throws (rejects) As `Leases.grant`; `LEASE_NOT_FOUND` when there is no lease `options.leaseId`; `KEEPALIVE_HALTED` when
 * the lease is lost before it was held; `options.signal.reason` when aborted.
 */
export async function openSession(services: SessionServices, options: SessionOptions = {}): Promise<Session> {
  checkOptions(openTable, options);
  checkServices(services, "services", { kv: checkReadonlyKv, leases: checkLeases, watcher: checkWatcher });
  const { kv, leases, watcher } = services;
  const { ttlSeconds = defaultTtlSeconds, leaseId, signal } = options;
  const lease =
    leaseId === undefined
      ? // With an id of its own, the grant can be repeated when its answer is lost.
        await openLease(leases, { ttlSeconds, id: randomId(), signal })
      : await adoptLease(leases, leaseId, { signal });
  return new LeaseSession({ kv, leases, watcher }, lease);
}

/** A positive one, as servers choose: it is part of keys, and read by people. */
function randomId(): bigint {
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return BigInt.asUintN(63, bits) || 1n;
}

class LeaseSession implements Session {
  readonly kv: Kv;
  readonly leases: Leases;
  readonly watcher: Watcher;
  readonly turns: Turns = createTurns();
  readonly #lease: OpenLease;
  readonly #controller = new AbortController();

  constructor({ kv, leases, watcher }: SessionServices, lease: OpenLease) {
    this.kv = kv;
    this.leases = leases;
    this.watcher = watcher;
    this.#lease = lease;
    const onEnd = (): void => this.#end(lease.signal.reason);
    if (lease.signal.aborted) onEnd();
    else lease.signal.addEventListener("abort", onEnd, { once: true });
  }

  get leaseId(): bigint {
    return this.#lease.id;
  }

  get ttlSeconds(): number {
    return this.#lease.ttlSeconds;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  isHeld(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    return this.signal.aborted ? 0 : this.#lease.remainingMs();
  }

  async check(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<void> {
    checkOptions(checkTable, call);
    this.signal.throwIfAborted();
    const lease = await this.leases.timeToLive(this.leaseId, call);
    if (lease === undefined) {
      this.#end(new KeepAliveHaltedError(this.leaseId, "expired"));
      await this.#lease.leave();
    }
    this.signal.throwIfAborted();
  }

  orphan(): Promise<void> {
    return this.#lease.leave();
  }

  close(): Promise<void> {
    return this.#lease.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @param halt - Why the lease is kept alive no longer. */
  #end(halt: unknown): void {
    const error = isKeepAliveHalted(halt, "closed")
      ? new EtcdError("CLOSED", "the session was closed", { cause: halt })
      : new EtcdError("SESSION_LOST", `the session was lost: ${textOf(halt)}`, { cause: halt });
    this.#controller.abort(error);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "its lease is kept alive no longer";
}
