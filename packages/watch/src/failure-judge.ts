import { type Clock, type EtcdError, type EtcdErrorCode, type GrpcStatus, isEtcdError } from "@etcdkit/core";

// What is likely to pass by itself, such as a member that has no leader yet, is given this long to do so.
const patienceMs = 5_000;

/** What is known of a stream that failed. */
export interface FailedStream {
  /** Whether it has ever worked. */
  readonly established: boolean;
  /** Whether the very call that failed had worked. */
  readonly worked: boolean;
  /** How many endpoints there are to turn to. */
  readonly endpoints: number;
}

/**
 * Tells failures that end watches from those after which they go on. It remembers since when a stream has been failing,
 * until it hears of a success.
 */
export class FailureJudge {
  readonly #clock: Clock;
  #since: number | undefined;
  #refused = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something worked. */
  succeeded(): void {
    this.#since = undefined;
    this.#refused = false;
  }

  /** Whether `failure` is the end, so that another attempt would be in vain. */
  isFinal(failure: unknown, stream: FailedStream): boolean {
    if (!isEtcdError(failure)) return true;
    switch (kindOfFailure(failure)) {
      case "passing":
        return false;
      case "token": {
        // The connection fetches a fresh token for the next attempt; that being refused as well settles it.
        const again = this.#refused;
        this.#refused = true;
        return again;
      }
      case "lasting":
        this.#since ??= this.#clock.now();
        return isHopeless(failure, stream) || this.#clock.now() - this.#since >= patienceMs;
      case "final":
        return true;
    }
  }
}

/**
 * What is to be expected after a failure: `passing` and `lasting` ones are over when the cluster is well again, the latter
 * not necessarily by themselves; `token` may be healed by a fresh token, once; `final` by nothing.
 */
export type FailureKind = "passing" | "token" | "lasting" | "final";

const kindByCode: Partial<Record<EtcdErrorCode, FailureKind>> = {
  UNAVAILABLE: "passing",
  DEADLINE: "passing",
  INTERNAL: "passing",
  ABORTED: "passing",
  NO_LEADER: "lasting",
  NOT_SUPPORTED_FOR_LEARNER: "lasting",
  TLS: "lasting",
  PROTOCOL: "lasting",
  UNKNOWN: "lasting",
  CORRUPT: "lasting",
  TOO_MANY_REQUESTS: "lasting",
  RESOURCE_EXHAUSTED: "lasting",
  INVALID_AUTH_TOKEN: "token",
  AUTH_OLD_REVISION: "token",
  USER_EMPTY: "token",
  PERMISSION_DENIED: "token",
};

const kindByStatus: Partial<Record<GrpcStatus, FailureKind>> = {
  UNAVAILABLE: "passing",
  CANCELLED: "passing",
  DEADLINE_EXCEEDED: "passing",
  INTERNAL: "passing",
};

/** The kind of a failure; what is not known to pass is final. */
export function kindOfFailure({ code, grpcCode }: EtcdError): FailureKind {
  return kindByCode[code] ?? (grpcCode === undefined ? undefined : kindByStatus[grpcCode]) ?? "final";
}

/** No other member to turn to, and nothing that this one is about to change. */
function isHopeless({ code }: EtcdError, { established, worked, endpoints }: FailedStream): boolean {
  switch (code) {
    // A member ends streams only when it has known no leader for three election timeouts; new ones it refuses at once.
    case "NO_LEADER":
      return worked && endpoints <= 1;
    case "NOT_SUPPORTED_FOR_LEARNER":
      return endpoints <= 1;
    // Most likely wrong from the beginning; a stream that has worked may come back.
    case "TLS":
    case "PROTOCOL":
      return !established;
    default:
      return false;
  }
}
