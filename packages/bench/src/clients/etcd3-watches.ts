import { once } from "node:events";
import type { Etcd3, Watcher } from "etcd3";
import type { WatchDriver } from "./driver.js";

/** The namespace of the client has one stream for all watches. */
export function etcd3Watches(client: Etcd3): WatchDriver {
  return {
    async open(key, count, sink) {
      const watchers = await Promise.all(
        Array.from({ length: count }, async (): Promise<Watcher> => {
          const watcher = client.watch().key(key).watcher();
          await once(watcher, "connected");
          return watcher;
        }),
      );
      return {
        read() {
          for (const [watch, watcher] of watchers.entries()) {
            watcher.on("put", ({ value }) => sink.event(watch, value.length));
            watcher.on("error", (error) => sink.failed(error));
          }
        },
        async close() {
          await Promise.all(watchers.map((watcher) => watcher.cancel()));
        },
      };
    },
    async catchUp(prefix, until) {
      let count = 0;
      // With `create()`, what comes in the same turn as the answer would find no listener.
      const watcher = client.watch().prefix(prefix).startRevision("1").watcher();
      await new Promise<void>((resolve, reject) => {
        watcher.on("data", ({ events }) => {
          count += events.length;
          const last = Number(events.at(-1)?.kv.mod_revision ?? 0);
          if (last > until) reject(new Error(`an event of revision ${last} beyond ${until}`));
          else if (last === until) resolve();
        });
        watcher.on("error", reject);
      });
      await watcher.cancel();
      return count;
    },
  };
}
