import { Watch, type WatchRequest, type WatchResponse } from "@etcdkit/core/protocol";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import type { WatchDriver } from "./driver.js";
import { grpcJsCodec } from "./grpc-js-codec.js";
import { historyRequest, watchRequest } from "./requests.js";

const path = `/${Watch.typeName}/${Watch.method.watch.name}`;
const { serialize, deserialize } = grpcJsCodec(Watch.method.watch);

/** A bare stream: answers are decoded and their events counted, and that is all. */
export function grpcJsWatches(client: Client): WatchDriver {
  const stream = (): ClientDuplexStream<WatchRequest, WatchResponse> =>
    client.makeBidiStreamRequest(path, serialize, deserialize);

  return {
    open(key, count, sink) {
      const calls = stream();
      const close = async (): Promise<void> => {
        calls.removeAllListeners("error").on("error", ignore);
        calls.cancel();
      };
      return new Promise((resolve, reject) => {
        let created = 0;
        calls.on("data", ({ created: isNew, canceled, cancelReason, watchId, events }: WatchResponse) => {
          if (canceled) calls.destroy(new Error(`a watch was cancelled: ${cancelReason}`));
          else if (isNew && ++created === count) resolve({ read: ignore, close });
          // The server counts its watches of a stream from 0.
          for (const { kv } of events) sink.event(Number(watchId), kv?.value.length ?? 0);
        });
        calls.on("error", (error) => {
          reject(error);
          sink.failed(error);
        });
        const request = watchRequest(key);
        for (let i = 0; i < count; i++) calls.write(request);
      });
    },
    catchUp(prefix, until) {
      const calls = stream();
      return new Promise((resolve, reject) => {
        let count = 0;
        calls.on("data", ({ canceled, cancelReason, events }: WatchResponse) => {
          count += events.length;
          const last = events.at(-1)?.kv?.modRevision ?? 0n;
          if (canceled) calls.destroy(new Error(`the watch was cancelled: ${cancelReason}`));
          if (last < until) return;
          if (last > until) reject(new Error(`an event of revision ${last} beyond ${until}`));
          resolve(count);
          calls.cancel();
        });
        // Of no effect behind the cancel.
        calls.on("error", reject);
        calls.on("end", () => reject(new Error("the stream ended before all events had come")));
        calls.write(historyRequest(prefix));
      });
    },
  };
}

function ignore(): void {
  // The stream has a reader from the first, and what comes after it was cancelled is of no use.
}
