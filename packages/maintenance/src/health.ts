import type { CallOptions, Connection } from "@etcdkit/core";
import { HealthCheckResponse_ServingStatus, Health as HealthService } from "@etcdkit/core/protocol";
import { callChecks, callUnary, checkOptions, openServerStream, optionTable } from "@etcdkit/core/spi";
import { memberTransport } from "./member-transport.js";

/** What a member says of its readiness. `service-unknown` and `unknown` come from servers that are not etcd. */
export type ServingStatus = "serving" | "not-serving" | "service-unknown" | "unknown";

/**
 * The health service of gRPC as etcd members offer it. It asks for no log-in. A member reports `not-serving` while it
 * defragments, if it was told to: `--feature-gates=StopGRPCServiceOnDefrag=true`, in 3.5
 * `--experimental-stop-grpc-service-on-defrag`. Learners answer `NOT_SUPPORTED_FOR_LEARNER`.
 *
 * Connections that are to pass over such members by themselves have `connect({ healthCheck: true })`.
 */
export interface Health {
  /** What a member says now. */
  check(endpoint: string, call?: CallOptions): Promise<ServingStatus>;
  /**
   * What a member says now, and then each time that it changes. The request is made when the first status is asked for;
   * leaving the loop ends it. `timeoutMs` has no default. A broken link ends it with `UNAVAILABLE`.
   */
  watch(endpoint: string, call?: CallOptions): AsyncIterable<ServingStatus>;
  /** What a member says now, per gRPC service; etcd has the one named `""`. Since etcd 3.6.9, 3.5.28. */
  list(endpoint: string, call?: CallOptions): Promise<ReadonlyMap<string, ServingStatus>>;
}

const longestTimerMs = 2 ** 31 - 1;
const checkTable = optionTable("check", callChecks);
const watchTable = optionTable("watch", callChecks);
const listTable = optionTable("list", callChecks);

/** Makes the health service of members. It holds nothing of its own. */
export function createHealth(connection: Pick<Connection, "endpoint">): Health {
  const { check, list, watch } = HealthService.method;
  return {
    async check(endpoint, call) {
      checkOptions(checkTable, call);
      const { status } = await callUnary(memberTransport(connection, endpoint), check, {}, call);
      return toServingStatus(status);
    },

    watch(endpoint, call) {
      checkOptions(watchTable, call);
      const transport = memberTransport(connection, endpoint);
      return {
        async *[Symbol.asyncIterator]() {
          // Transports take this method for their own upkeep, which keeps no process alive. This one is waited for.
          const hold = setInterval(() => undefined, longestTimerMs);
          try {
            const stream = await openServerStream(transport, watch, {}, call);
            try {
              for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
                yield toServingStatus(next.status);
              }
            } finally {
              await stream.end();
            }
          } finally {
            clearInterval(hold);
          }
        },
      };
    },

    async list(endpoint, call) {
      checkOptions(listTable, call);
      const { statuses } = await callUnary(memberTransport(connection, endpoint), list, {}, call);
      return new Map(Object.entries(statuses).map(([name, { status }]) => [name, toServingStatus(status)]));
    },
  };
}

function toServingStatus(status: HealthCheckResponse_ServingStatus): ServingStatus {
  const { NOT_SERVING, SERVICE_UNKNOWN, SERVING } = HealthCheckResponse_ServingStatus;
  if (status === SERVING) return "serving";
  if (status === NOT_SERVING) return "not-serving";
  return status === SERVICE_UNKNOWN ? "service-unknown" : "unknown";
}
