import type { KeepAlive, KeepAliveHaltedError, LeaseRenewal } from "@etcdkit/core";
import type { KeptLease } from "./kept-lease.js";
import { RenewalReader } from "./renewal-reader.js";

/** What a handle needs of the one who renews. */
export interface Keeper {
  now(): number;
  /** A holder has found that time is up; after a stall that may be long before a timer tells. */
  judgeSoon(): void;
  /** The program wants no more of this handle. */
  release(handle: KeepAliveHandle): void;
}

/** {@link KeepAlive}: one holder's view of a lease. Signal, readers and listener are made when somebody asks for them. */
export class KeepAliveHandle implements KeepAlive {
  readonly lease: KeptLease;
  readonly requireLeader: boolean;
  readonly #keeper: Keeper;
  #controller: AbortController | undefined;
  #readers: Set<RenewalReader> | undefined;
  #halted: KeepAliveHaltedError | undefined;
  #unfollow: (() => void) | undefined;

  constructor(keeper: Keeper, lease: KeptLease, requireLeader: boolean) {
    this.#keeper = keeper;
    this.lease = lease;
    this.requireLeader = requireLeader;
  }

  get leaseId(): bigint {
    return this.lease.id;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#halted !== undefined) this.#controller.abort(this.#halted);
    }
    return this.#controller.signal;
  }

  /** Why it ended. */
  get halted(): KeepAliveHaltedError | undefined {
    return this.#halted;
  }

  isHeld(): boolean {
    return this.remainingMs() > 0;
  }

  remainingMs(): number {
    if (this.#halted !== undefined || this.lease.ttlMs === 0) return 0;
    const remainingMs = this.lease.deadline - this.#keeper.now();
    if (remainingMs > 0) return remainingMs;
    this.#keeper.judgeSoon();
    return 0;
  }

  close(): Promise<void> {
    this.#keeper.release(this);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<LeaseRenewal, undefined> {
    return new RenewalReader(this);
  }

  /** A reader waits for the next renewal; or does no longer. */
  expects(reader: RenewalReader, renewal: boolean): void {
    this.#readers ??= new Set();
    if (renewal) this.#readers.add(reader);
    else this.#readers.delete(reader);
  }

  /** Closes with a signal of the caller's, and leaves nothing on it afterwards. */
  follow(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const onAbort = (): void => this.#keeper.release(this);
    this.#unfollow = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  }

  /** Tells readers of a renewal. */
  renewed(): void {
    if (this.#readers !== undefined) for (const reader of this.#readers) reader.advance();
  }

  /** It is over. */
  halt(error: KeepAliveHaltedError): void {
    if (this.#halted !== undefined) return;
    this.#halted = error;
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.renewed();
    this.#controller?.abort(error);
  }
}
