import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { Observer } from "./observer.js";

describeEachEtcd("a watch from the revision of a compaction, on a server that died since,", (etcd) => {
  // e2e/watch_test.go:TestStartWatcherFromCompactedRevision, TestResumeCompactionOnTombstone
  it.each([
    { physical: false, what: "put" },
    { physical: true, what: "put" },
    ...(etcd.has("tombstone-at-compaction")
      ? ([
          { physical: false, what: "deletion" },
          { physical: true, what: "deletion" },
        ] as const)
      : []),
  ] as const)(
    "still sees the $what that was then (it was waited for: $physical)",
    async ({ physical, what }) => {
      await using cluster = await etcd.start();
      await using connection = connect({ endpoints: cluster.endpoints });
      const kv = createKv(connection);
      for (let i = 0; i < 10; i++) await kv.put("key", `${i}`);
      const { header } = what === "put" ? await kv.put("key", "then") : await kv.delete("key");
      await kv.put("key", "later");
      await kv.compact(header.revision, { physical });
      await cluster.members[0]?.kill();
      await cluster.members[0]?.restart();
      await using watcher = createWatcher(connection);
      const observer = new Observer(watcher.watch("key", { startRevision: header.revision }));
      await observer.count(2);
      expect(observer.events).toEqual([what === "put" ? "put key then" : "delete key", "put key later"]);
      const before = new Observer(watcher.watch("key", { startRevision: header.revision - 1n }));
      expect(await before.end()).toMatchObject({ code: "COMPACTED", compactRevision: header.revision });
    },
  );
});
