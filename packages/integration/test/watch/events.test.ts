import { isCreate, isDelete, isModify, utf8, type WatchBatch } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("events of a watch", (etcd) => {
  const shared = etcd.shared();

  it("come after created", async () => {
    await using connection = shared.connect();
    const kv = createKv(connection);
    await using watcher = createWatcher(connection);
    const key = uniqueKey();
    await using watch = watcher.watch(key);
    const { revision } = await watch.created;
    const { header } = await kv.put(key, "a");
    expect(header.revision).toBe(revision + 1n);
    for await (const batch of watch) {
      expect(batch.kind).toBe("events");
      break;
    }
  });
});
