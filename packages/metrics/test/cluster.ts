import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import type { ConnectOptions } from "@etcdkit/core";
import { KV, Maintenance, Watch } from "@etcdkit/core/protocol";

/** What the members in memory have seen. */
export const events = { streamsEnded: 0, traceparents: [] as (string | null)[] };

/**
 * Options of a cluster in memory. Reads succeed, every put fails for its empty key, a compaction waits for ever, a snapshot
 * sends one part and then nothing, and a watch answers each request.
 *
 * @param failReads - How many reads fail with "unavailable" first.
 */
export function cluster(failReads = 0): ConnectOptions {
  let failures = failReads;
  const transport = createRouterTransport(({ service }) => {
    service(KV, {
      range: (_, { requestHeader }) => {
        events.traceparents.push(requestHeader.get("traceparent"));
        if (failures-- > 0) throw new ConnectError("etcdserver: leader changed", Code.Unavailable);
        return {};
      },
      put: () => {
        throw new ConnectError("etcdserver: key is not provided", Code.InvalidArgument);
      },
      compact: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new ConnectError("over", Code.Canceled)));
        }),
    });
    service(Maintenance, {
      async *snapshot(_, { signal }) {
        try {
          yield {};
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        } finally {
          events.streamsEnded++;
        }
      },
    });
    service(Watch, {
      async *watch(requests) {
        for await (const _ of requests) yield {};
      },
    });
  });
  return { endpoints: ["http://a:2379", "http://b:2379"], transport: () => transport };
}
