import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { Disposition } from "@etcdkit/transport";
import type { EtcdError } from "../errors/etcd-error.js";

/** Whether a method changes nothing on the server, as our .proto files mark it. */
export function isRead(method: Pick<DescMethod, "idempotency">): boolean {
  return method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

/**
 * The retry rule: whether a failed call may be sent once more.
 *
 * - Anything that provably was not looked at: not written to a socket, refused by the transport, or refused by a learner
 *   while there are other members to ask.
 * - Reads, and writes that the caller calls idempotent: also when a member or the link to it was unavailable, and when a
 *   member ended the call by itself.
 *
 * A write whose outcome is unknown is never repeated, and a call that requires a leader asks each member once: it wants to
 * know rather than wait.
 */
export function mayRepeat(
  error: EtcdError,
  disposition: Disposition,
  call: { readonly repeatable: boolean; readonly requireLeader: boolean; readonly attempts: number },
  endpoints: number,
): boolean {
  // Too large stays too large.
  if (error.code === "MESSAGE_TOO_LARGE") return false;
  if (disposition !== "unknown") return true;
  if (error.code === "NOT_SUPPORTED_FOR_LEARNER") return endpoints > 1;
  if (!call.repeatable) return false;
  if (error.code === "NO_LEADER" && call.requireLeader) return call.attempts < endpoints;
  switch (error.grpcCode) {
    case "UNAVAILABLE":
    case "CANCELLED":
    case "DEADLINE_EXCEEDED":
      return true;
    case undefined:
      // The link broke, or what answered is no etcd server: another endpoint may be.
      return error.code === "UNAVAILABLE" || error.code === "PROTOCOL" || error.code === "TLS";
    default:
      return false;
  }
}
