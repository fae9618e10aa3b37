import { op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { compareWithJournal, none, readJournal } from "./journal.js";
import { Observer } from "./observer.js";

const mebibyte = 1024 * 1024;

describeEachEtcd("large answers to a watch", (etcd) => {
  const shared = etcd.shared();

  // watch_fragment_test.go:TestWatchFragmentDisable, TestWatchFragmentEnable
  it.each([true, false])("arrive whole (in parts: %s)", async (fragment) => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const prefix = uniqueKey();
    const value = "x".repeat(mebibyte);
    const first = await kv.put(`${prefix}0`, value);
    for (let i = 1; i < 10; i++) await kv.put(`${prefix}${i}`, value);
    const { revision } = first.header;
    const observer = new Observer(watcher.watch({ prefix }, { startRevision: revision, fragment }));
    await observer.reached(revision + 9n);
    const journal = await readJournal(shared.cluster, { prefix }, revision + 9n);
    expect(compareWithJournal(journal, observer.batches, revision - 1n)).toEqual(none);
    if (!fragment) expect(observer.batches).toHaveLength(1);
  });

  // watch_fragment_test.go:TestWatchFragmentDisableWithGRPCLimit
  it("end the watch with MESSAGE_TOO_LARGE where they exceed what may be received", async () => {
    await using connection = shared.connect({ maxReceiveBytes: 1.5 * mebibyte });
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const prefix = uniqueKey();
    const { header } = await kv.put(`${prefix}0`, "x".repeat(mebibyte));
    await kv.put(`${prefix}1`, "x".repeat(mebibyte));
    const observer = new Observer(
      watcher.watch({ prefix }, { startRevision: header.revision, fragment: false }),
    );
    expect(await observer.end()).toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  });

  // watch_fragment_test.go:TestWatchFragmentEnableWithGRPCLimit
  it.each([true, undefined])(
    "fit into the limit where they come in parts (asked for: %s)",
    async (fragment) => {
      await using connection = shared.connect({ maxReceiveBytes: 2.5 * mebibyte });
      await using watcher = createWatcher(connection);
      const kv = createKv(connection);
      const prefix = uniqueKey();
      const { header } = await kv.put(`${prefix}0`, "x".repeat(mebibyte));
      for (let i = 1; i < 10; i++) await kv.put(`${prefix}${i}`, "x".repeat(mebibyte));
      const observer = new Observer(watcher.watch({ prefix }, { startRevision: header.revision, fragment }));
      await observer.count(10);
    },
  );

  it("of one revision are one batch, though they come in parts, with what was before", async () => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const prefix = uniqueKey();
    const watch = watcher.watch({ prefix }, { prevKv: true, fragment: true });
    await watch.created;
    const observer = new Observer(watch);
    // Twice what is written in one go is more than the server sends in one: 2 MiB.
    const success = Array.from({ length: 128 }, (_, i) => op.put(`${prefix}${i}`, "x".repeat(11_000)));
    await kv.txn({ success });
    const { header } = await kv.txn({ success });
    await observer.count(256);
    expect(observer.batches).toHaveLength(2);
    expect(observer.batches[1]?.revision).toBe(header.revision);
  });
});
