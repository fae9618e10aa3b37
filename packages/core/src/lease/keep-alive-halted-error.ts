import { EtcdError, isEtcdError } from "../errors/etcd-error.js";

/**
 * Why a keep-alive ended.
 *
 * - `expired`: the server does not know the lease: it has expired, or somebody revoked it.
 * - `revoked`: it was revoked through the same `Leases`; or is about to be, whatever becomes of that request.
 * - `deadline`: no renewal succeeded in time, so the server may expire the lease from now on. `cause` is the last failure.
 * - `permission-denied`: the user may not write a key that is tied to the lease.
 * - `no-leader`: `requireLeader` was asked for and the member lost its leader.
 * - `closed`: this program ended it.
 */
export type KeepAliveHaltReason =
  | "expired"
  | "revoked"
  | "deadline"
  | "permission-denied"
  | "no-leader"
  | "closed";

const texts: Readonly<Record<KeepAliveHaltReason, string>> = {
  expired: "it has expired or was revoked",
  revoked: "it was revoked",
  deadline: "no renewal succeeded in time",
  "permission-denied": "permission denied",
  "no-leader": "the member has no leader",
  closed: "the keep-alive was closed",
};

/** A lease is kept alive no longer: `KEEPALIVE_HALTED`, with the reason. */
export class KeepAliveHaltedError extends EtcdError {
  override readonly name: string = "KeepAliveHaltedError";
  declare readonly code: "KEEPALIVE_HALTED";
  readonly leaseId: bigint;
  readonly reason: KeepAliveHaltReason;

  constructor(leaseId: bigint, reason: KeepAliveHaltReason, cause?: unknown) {
    super("KEEPALIVE_HALTED", `lease ${leaseId} is kept alive no longer: ${texts[reason]}`, { cause });
    this.leaseId = leaseId;
    this.reason = reason;
  }
}

/** Tells a {@link KeepAliveHaltedError}, also one of another installed copy of this package, from other values. */
export function isKeepAliveHalted(
  value: unknown,
  reason?: KeepAliveHaltReason,
): value is KeepAliveHaltedError {
  return (
    isEtcdError(value, "KEEPALIVE_HALTED") &&
    "reason" in value &&
    (reason === undefined || value.reason === reason)
  );
}
