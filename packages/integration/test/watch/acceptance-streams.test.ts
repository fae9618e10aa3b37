import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { credentialsOf } from "../auth/users.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";

describeEachEtcd("watches on several streams", (etcd) => {
  const shared = etcd.shared();

  // v3_watch_test.go:TestV3WatchMultipleStreamsUnsynced
  it("each see the whole past from their start on, and then what comes", async () => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const key = uniqueKey();
    const { header } = await kv.put(key, "0");
    for (let i = 1; i < 20; i++) await kv.put(key, `${i}`);
    const observers = Array.from(
      { length: 5 },
      (_, i) =>
        new Observer(watcher.watch(key, { startRevision: header.revision, headers: { stream: `${i}` } })),
    );
    for (const observer of observers) await observer.count(20);
    await kv.put(key, "20");
    const expected = Array.from({ length: 21 }, (_, i) => `put ${key} ${i}`);
    for (const observer of observers) {
      await observer.count(21);
      expect(observer.events).toEqual(expected);
    }
  });
});

describeEachEtcd("a watch with a JSON web token", (etcd) => {
  const shared = etcd.shared({ auth: "jwt" });

  // e2e/ctl_v3_auth_test.go:TestCtlV3AuthAndWatchJWT
  it("sees what its user may read, and is refused what it may not", async () => {
    const { auth } = shared.cluster;
    if (auth === undefined) throw new Error("the cluster has no users");
    await using root = shared.connect();
    await using reader = shared.connect({ credentials: credentialsOf(auth.reader) });
    const watcher = createWatcher(reader);
    const kv = createKv(root);
    const one = watcher.watch("public/one");
    const range = watcher.watch({ from: "public/a", to: "public/z" });
    await Promise.all([one.created, range.created]);
    const [oneObserver, rangeObserver] = [new Observer(one), new Observer(range)];
    for (const keys of ["private", { from: "a", to: "z" }, { prefix: "" }]) {
      const refused = watcher.watch(keys);
      await expect(refused.created).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
    for (const name of ["one", "two", "zero"]) await kv.put(`public/${name}`, "x");
    await oneObserver.count(1);
    await rangeObserver.count(2);
    expect(oneObserver.events).toEqual(["put public/one x"]);
    expect(rangeObserver.events).toEqual(["put public/one x", "put public/two x"]);
  });
});
