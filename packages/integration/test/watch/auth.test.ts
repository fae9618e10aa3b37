import { setTimeout as delay } from "node:timers/promises";
import { type Connection, connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { type EtcdCluster, openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { describe, expect, it } from "vitest";
import { addUser, authOf, credentialsOf, enableAuth } from "../auth/users.js";
import { Witness } from "../auth/witness.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";

// A JSON Web Token lives for up to a second less: time enough for one round, log-ins included.
const ttlSeconds = 3;
/** Longer than the life of a token and the second within which servers notice. */
const idleMs = (ttlSeconds + 2) * 1_000;

describeEachEtcd("a watch with users", (etcd) => {
  const shared = etcd.shared({ auth: "simple" });

  function asReader(): Connection {
    const { auth } = shared.cluster;
    if (auth === undefined) throw new Error("the cluster has no users");
    return shared.connect({ credentials: credentialsOf(auth.reader) });
  }

  // e2e/ctl_v3_auth_test.go:TestCtlV3AuthAndWatch
  it("sees what its user may read, and is refused what it may not, alone", async () => {
    await using root = shared.connect();
    await using reader = asReader();
    const watcher = createWatcher(reader);
    const allowed = watcher.watch({ prefix: "public/" });
    await allowed.created;
    const observer = new Observer(allowed);
    const beyond = etcd.has("sound-range-permission") ? [{ from: "public/" }] : [];
    for (const keys of ["private", { prefix: "p" }, ...beyond]) {
      const refused = watcher.watch(keys);
      await expect(refused.created).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      expect(await new Observer(refused).end()).toMatchObject({ code: "PERMISSION_DENIED" });
    }
    await createKv(root).put("public/news", "1");
    await observer.count(1);
  });

  // integration/v3_auth_test.go:TestV3AuthWatchErrorAndWatchId0
  it("that is refused leaves alone the first one of the stream, whose id is 0", async () => {
    await using root = shared.connect();
    await using reader = asReader();
    const watcher = createWatcher(reader);
    const first = watcher.watch("public/zero");
    await first.created;
    await expect(watcher.watch("private").created).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await createKv(root).put("public/zero", "1");
    await new Observer(first).count(1);
  });

  // e2e/watch_test.go:TestWatchWithLowPermissionUser
  it.runIf(etcd.has("sound-range-permission"))("of all keys needs more than the right to one", async () => {
    await using root = shared.connect();
    const key = uniqueKey("one");
    await addUser(authOf(root), { name: `single-${process.pid}`, password: "single-password", key });
    await using single = shared.connect({
      credentials: { username: `single-${process.pid}`, password: "single-password" },
    });
    const watcher = createWatcher(single);
    await watcher.watch(key).created;
    await expect(watcher.watch({ from: key }).created).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("with initial needs the same right, and says so", async () => {
    await using reader = asReader();
    const watcher = createWatcher(reader);
    const observer = new Observer(watcher.watch("private", { initial: true }));
    expect(await observer.end()).toMatchObject({ code: "PERMISSION_DENIED" });
    await watcher.watch("public/a", { initial: true }).created;
  });

  it("of a user who may no longer read ends when it comes to be opened again", async () => {
    await using root = shared.connect();
    const name = `leaver-${process.pid}`;
    await addUser(authOf(root), { name, password: "leaver-password", key: name });
    await using link = await openBridge(shared.endpoints[0] ?? "");
    await using connection = connect({
      endpoints: link.endpoint,
      credentials: { username: name, password: "leaver-password" },
    });
    const watch = createWatcher(connection).watch(name);
    await watch.created;
    const observer = new Observer(watch);
    await authOf(root).userRevokeRole({ name, role: `${name}-role` });
    link.cut();
    expect(await observer.end()).toMatchObject({ code: "PERMISSION_DENIED" });

    await authOf(root).userGrantRole({ user: name, role: `${name}-role` });
    const again = createWatcher(connection).watch(name);
    await again.created;
    const second = new Observer(again);
    await authOf(root).userDelete({ name });
    link.cut();
    expect(await second.end()).toMatchObject({ code: "AUTH_FAILED" });
  });
});

describeEachEtcd("a watch and its token", (etcd) => {
  describe.each(["simple", "jwt"] as const)("%s:", (kind) => {
    it.concurrent("lives on when that expires, over cuts, and beside new watches on its stream", async () => {
      await using cluster = await etcd.start({ auth: kind, tokenTtlSeconds: ttlSeconds });
      await using link = await openBridge(cluster.endpoints[0] ?? "");
      const witness = new Witness();
      await using root = witness.connect(cluster);
      await using connection = witness.connect(cluster, { endpoints: link.endpoint });
      const kv = createKv(root);
      const watcher = createWatcher(connection);
      const watch = watcher.watch("key");
      await watch.created;
      const observer = new Observer(watch);
      let written = 0;
      const logInsBefore = witness.logIns;
      for (const disturb of [
        () => undefined,
        () => link.cut(),
        () => watcher.watch("other").created,
        () => watcher.watch({ prefix: "state" }, { initial: true }).created,
        () => link.cut(),
      ]) {
        await delay(idleMs);
        await disturb();
        await kv.put("key", `${written}`);
        written += 1;
        await observer.count(written);
      }
      expect(observer.events).toEqual(Array.from({ length: written }, (_, i) => `put key ${i}`));
      // Each of two connections, at most once each time that the token had expired.
      expect(witness.logIns - logInsBefore).toBeLessThanOrEqual(2 * written);
      witness.expectSecretsKept();
    }, 120_000);

    // common/auth_test.go:TestAuthGracefulDisable
    it.concurrent("lives on when authentication is switched off and the member restarts", async () => {
      await using cluster = await etcd.start({ auth: kind });
      await using root = connectAsRoot(cluster);
      const watch = createWatcher(root).watch("key");
      await watch.created;
      const observer = new Observer(watch);
      await createKv(root).put("key", "1");
      await authOf(root).authDisable({});
      await createKv(root).put("key", "2");
      await cluster.members[0]?.kill();
      await cluster.members[0]?.restart();
      await createKv(root).put("key", "3", { idempotent: true });
      await observer.count(3);
      expect(observer.events).toEqual(["put key 1", "put key 2", "put key 3"]);
    });
  });

  // etcd issue 12385
  it.concurrent("lives on when authentication is switched on and off under it, and others join it each time", async () => {
    await using cluster = await etcd.start();
    await using link = await openBridge(cluster.endpoints[0] ?? "");
    await using root = connect({
      endpoints: link.endpoint,
      credentials: { username: "root", password: "root-password" },
    });
    const kv = createKv(root);
    const watcher = createWatcher(root);
    const watch = watcher.watch("key");
    await watch.created;
    const observer = new Observer(watch);
    let written = 0;
    const check = async (): Promise<void> => {
      await watcher.watch(`other${written}`).created;
      await kv.put("key", `${written}`);
      written += 1;
      await observer.count(written);
      link.cut();
      await kv.put("key", `${written}`, { idempotent: true });
      written += 1;
      await observer.count(written);
    };
    await check();
    await enableAuth(authOf(root), "root-password");
    await check();
    await authOf(root).authDisable({});
    await check();
    await authOf(root).authEnable({});
    await check();
    expect(observer.events).toEqual(Array.from({ length: written }, (_, i) => `put key ${i}`));
  });
});

function connectAsRoot(cluster: EtcdCluster): Connection {
  const { auth, endpoints } = cluster;
  if (auth === undefined) throw new Error("the cluster has no users");
  return connect({ endpoints, credentials: credentialsOf(auth.root) });
}
