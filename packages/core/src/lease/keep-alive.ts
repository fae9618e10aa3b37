import type { LeaseRenewal } from "./leases.js";

/** Options of {@link Leases.keepAlive}. */
export interface LeaseKeepAliveOptions {
  /** Closes the keep-alive. The lease is not revoked. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Halt (`"no-leader"`) as soon as the member that renews the lease has lost its leader. Default `false`: the lease is
   * renewed at another member, or later, as long as it can still be alive.
   */
  readonly requireLeader?: boolean | undefined;
}

/**
 * A lease that is kept alive, and the answer to the question whether it still is.
 *
 * It is renewed at a third of its time to live, whether or not anyone reads. Iterate it for the renewals: one that nobody
 * took before the next came is dropped, so a reader always gets the newest. The iteration ends by itself when the program
 * ended the keep-alive (`close()`, the signal, the closing of what it was made with), throws {@link KeepAliveHaltedError}
 * when the lease was lost, and closes the keep-alive when it is left by `break`.
 *
 * Whoever acts on behalf of the lease looks at {@link KeepAlive.isHeld} before and at {@link KeepAlive.signal} while it
 * acts. Both go by the monotonic clock, from the moment when the last renewal that succeeded was *sent*; the server counts
 * from when it arrived. So the holder knows first.
 */
export interface KeepAlive extends AsyncIterable<LeaseRenewal>, AsyncDisposable {
  readonly leaseId: bigint;
  /**
   * Aborts, with a {@link KeepAliveHaltedError}, when the keep-alive ends, whatever ends it; for a lease that could not
   * be renewed before the server can expire it. After a stall of the process it does so in the turn of the event loop in
   * which timers run or {@link KeepAlive.isHeld} is asked, once what had arrived is read.
   */
  readonly signal: AbortSignal;
  /**
   * Whether the lease is known to be alive at this moment. `false` until the first renewal has succeeded. After a stall of
   * the process it may be `false` and become `true` once the answers that came meanwhile are read; only
   * {@link KeepAlive.signal} is final.
   */
  isHeld(): boolean;
  /** For how long the lease is known to be alive from now on, in milliseconds; 0 when it is not held. */
  remainingMs(): number;
  /** Stops renewing. The lease is not revoked and expires unless somebody else renews it. Idempotent. */
  close(): Promise<void>;
}
