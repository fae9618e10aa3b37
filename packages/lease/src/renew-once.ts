import {
  type CallOptions,
  type Clock,
  type Connection,
  callContext,
  EtcdError,
  isEtcdError,
  type LeaseRenewal,
} from "@etcdkit/core";
import { Lease } from "@etcdkit/core/protocol";
import { sleep } from "@etcdkit/core/spi";
import { renewalOf } from "./renewal-of.js";

/** By default as long as every call of a connection takes; streams have no limit of their own there. */
const defaultTimeoutMs = 10_000;
const firstPauseMs = 1;
const pauseGrowth = 1.25;
const longestPauseMs = 100;

/**
 * Renews a lease on a stream that is opened for that. Again and again while no member can do it; and once more after a
 * refusal of the token, which the connection has then renewed.
 *
 * @throws (rejects) `EtcdError` `LEASE_NOT_FOUND` for a lease that the server does not know.
 */
export async function renewOnce(
  transport: Connection["transport"],
  clock: Clock,
  id: bigint,
  call: CallOptions | undefined,
): Promise<LeaseRenewal> {
  const deadline = clock.now() + (call?.timeoutMs ?? defaultTimeoutMs);
  let refused = false;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * pauseGrowth, longestPauseMs)) {
    try {
      const renewal = await attempt(transport, id, call, Math.max(deadline - clock.now(), 1));
      if (renewal.ttlSeconds <= 0) throw new EtcdError("LEASE_NOT_FOUND", `lease ${id} is not known`);
      return renewal;
    } catch (error) {
      const again = isUnavailable(error) || (isRefusal(error) && !refused);
      if (!again) throw error;
      refused ||= isRefusal(error);
      const left = deadline - clock.now();
      if (left <= 0) throw timeUp(id, error);
      // Jitter keeps those apart who failed together.
      await sleep(clock, Math.min(pauseMs * (0.5 + Math.random() / 2), left), call?.signal);
      if (deadline <= clock.now()) throw timeUp(id, error);
    }
  }
}

async function attempt(
  transport: Connection["transport"],
  id: bigint,
  call: CallOptions | undefined,
  leftMs: number,
): Promise<LeaseRenewal> {
  const { leaseKeepAlive } = Lease.method;
  const timeoutMs = leftMs === Number.POSITIVE_INFINITY ? undefined : leftMs;
  const context = callContext(call);
  const answers = await transport.stream(
    leaseKeepAlive,
    call?.signal,
    timeoutMs,
    call?.headers,
    only({ ID: id }),
    context,
  );
  for await (const answer of answers.message) return renewalOf(answer);
  throw new EtcdError("UNAVAILABLE", `the server ended the stream without renewing lease ${id}`);
}

function isUnavailable(error: unknown): boolean {
  return isEtcdError(error) && (error.code === "UNAVAILABLE" || error.grpcCode === "UNAVAILABLE");
}

/** A stream takes along the token that it was opened with; 3.4 calls an old one "permission denied". */
function isRefusal(error: unknown): boolean {
  if (!isEtcdError(error)) return false;
  return ["PERMISSION_DENIED", "INVALID_AUTH_TOKEN", "AUTH_OLD_REVISION", "USER_EMPTY"].includes(error.code);
}

function timeUp(id: bigint, cause: unknown): EtcdError {
  return new EtcdError("DEADLINE", `lease ${id} could not be renewed in time`, { cause });
}

async function* only<T>(request: T): AsyncGenerator<T, void, undefined> {
  yield request;
}
