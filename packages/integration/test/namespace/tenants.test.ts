import { createMutex, openSession } from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { withNamespace } from "@etcdkit/namespace";
import { createEtcd } from "etcdkit";
import { expect, it } from "vitest";
import { names, sharedStore } from "../kv/store.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("what is built on the services of a namespace", (etcd) => {
  const store = sharedStore(etcd);

  it("works inside it: a lock has its key behind the prefix, and another tenant's is another lock", async () => {
    const prefixes = [uniqueKey("acme"), uniqueKey("globex")];
    await using client = createEtcd({ endpoints: store.endpoints });
    const held = await Promise.all(
      prefixes.map(async (prefix) => {
        const session = await openSession(withNamespace(client, prefix), { ttlSeconds: 30 });
        const lock = await createMutex(session, "import").lock({ timeoutMs: 10_000 });
        return { prefix, session, lock };
      }),
    );
    for (const { prefix, session, lock } of held) {
      const own = `import/${session.leaseId.toString(16)}`;
      expect(utf8(lock.key)).toBe(own);
      expect(names((await store.kv.range({ prefix })).kvs)).toEqual([prefix + own]);
      // Guarded writes compare the key of the lock where it is.
      await lock.guard(withNamespace({ kv: client.kv }, prefix).kv).put("done", "yes");
      expect((await store.kv.get(`${prefix}done`))?.version).toBe(1n);
      await session.close();
    }
  });

  it("is refused services of several namespaces", async () => {
    await using client = createEtcd({ endpoints: store.endpoints });
    const { kv } = withNamespace(client, uniqueKey());
    await expect(openSession({ ...client, kv }, { ttlSeconds: 30 })).rejects.toThrow(TypeError);
  });
});

// Permissions have test suites of their own, on every version.
describeNewestEtcd("a user with permission for the prefix of a namespace", (etcd) => {
  it("may do everything in it, and nothing outside", async () => {
    await using cluster = await etcd.start({ auth: "simple" });
    const { root } = cluster.auth ?? {};
    if (root === undefined) throw new Error("the cluster has no users");
    const { endpoints } = cluster;
    await using admin = createEtcd({
      endpoints,
      credentials: { username: root.name, password: root.password },
    });
    // The last byte makes the end of the prefix hard to find.
    const prefix = Uint8Array.of(0x61, 0xff);
    await admin.auth.roles.add("tenant");
    await admin.auth.roles.grantPermission("tenant", "readwrite", { prefix });
    await admin.auth.users.add("tenant", { password: "secret" });
    await admin.auth.users.grantRole("tenant", "tenant");
    await admin.kv.put("b", "foreign");

    await using client = createEtcd({ endpoints, credentials: { username: "tenant", password: "secret" } });
    const { kv, watcher, leases } = withNamespace(client, prefix);
    await using watch = watcher.watch({ from: "" });
    await watch.created;
    const { id } = await leases.grant(600);
    await kv.put("k", "v", { leaseId: id });
    for await (const batch of watch) {
      if (batch.kind !== "events") continue;
      expect(batch.events.map((event) => event.kv && utf8(event.kv.key))).toEqual(["k"]);
      break;
    }
    expect(names((await kv.range({ from: "" })).kvs)).toEqual(["k"]);
    expect((await leases.timeToLive(id, { keys: true }))?.keys.map(utf8)).toEqual(["k"]);
    expect((await kv.delete({ from: "\0" })).deleted).toBe(1);
    const outside = [
      () => client.kv.get("b"),
      () => client.kv.put("b", "mine"),
      () => client.kv.range({ from: "\0" }),
    ];
    for (const call of outside) await expect(call()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});
