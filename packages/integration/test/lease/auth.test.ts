import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type EtcdCluster, openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { addUser, authOf } from "../auth/users.js";
import { Witness } from "../auth/witness.js";
import { describeEachEtcd, type SharedCluster } from "../support/each-etcd.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";

/** A user who may write one key, a key that it may not write, and connections of the user, of root and of nobody. */
async function people(shared: SharedCluster) {
  const root = shared.connect();
  const [key, secret] = [uniqueKey("own"), uniqueKey("secret")];
  const name = `user-${key.replaceAll("/", "-")}`;
  await addUser(authOf(root), { name, password: "pw", key });
  const user = shared.connect({ credentials: { username: name, password: "pw" } });
  const nobody = shared.connect({ credentials: undefined });
  const all: readonly Connection[] = [root, user, nobody];
  return {
    root: { leases: createLeases(root), kv: createKv(root), auth: authOf(root) },
    user: { leases: createLeases(user), kv: createKv(user) },
    nobody: { leases: createLeases(nobody) },
    role: `${name}-role`,
    key,
    secret,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map((connection) => connection.close()));
    },
  };
}

describeEachEtcd("with authentication, leases", (etcd) => {
  const shared = etcd.shared({ auth: "simple" });
  const checked = etcd.has("lease-permissions");

  // common/auth_test.go:TestAuthLeaseKeepAlive, TestAuthLeaseGrantLeases, TestAuthLeaseLeases, TestAuthLeaseRevoke,
  // TestAuthLeaseTimeToLive
  it("are for users only", async () => {
    await using who = await people(shared);
    const { id } = await who.root.leases.grant(30);
    const { leases } = who.nobody;
    const attempts = {
      grant: () => leases.grant(30),
      list: () => leases.list(),
      timeToLive: () => leases.timeToLive(id),
      keepAliveOnce: () => leases.keepAliveOnce(id, { timeoutMs: 5_000 }),
      revoke: () => leases.revoke(id),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      if (checked) await expect(attempt(), name).rejects.toMatchObject({ code: "USER_EMPTY" });
      else await attempt();
    }
  });

  // integration/v3_auth_test.go:TestV3AuthWithLeaseRevoke, TestV3AuthWithLeaseAttach, TestV3AuthWithLeaseRevokeWithRoot
  it("are revoked, and given keys, only by who may write all their keys", async () => {
    await using who = await people(shared);
    const { id } = await who.root.leases.grant(30);
    await who.root.kv.put(who.secret, "x", { leaseId: id });
    const denied = { code: "PERMISSION_DENIED", outcome: "not-applied" };
    await expect(who.user.leases.revoke(id)).rejects.toMatchObject(denied);
    await expect(who.user.kv.put(who.key, "x", { leaseId: id })).rejects.toMatchObject(denied);
    expect(await who.root.kv.get(who.secret)).toBeDefined();
    await who.root.leases.revoke(id);

    const own = await who.user.leases.grant(30);
    await who.user.kv.put(who.key, "x", { leaseId: own.id });
    await who.user.leases.revoke(own.id);
    expect(await who.root.kv.get(who.key)).toBeUndefined();
  });

  // common/auth_test.go:TestAuthLeaseTimeToLive, TestAuthLeaseTimeToLiveExpired
  it("tell their keys only to who may read them", async () => {
    await using who = await people(shared);
    const { id } = await who.root.leases.grant(30);
    await who.root.kv.put(who.secret, "x", { leaseId: id });
    expect(await who.user.leases.timeToLive(id)).toMatchObject({ id });
    const keys = who.user.leases.timeToLive(id, { keys: true });
    if (checked) await expect(keys).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    else await keys;
    await who.root.leases.revoke(id);
    expect(await who.user.leases.timeToLive(id)).toBeUndefined();
  });

  // integration/v3_auth_test.go:TestV3AuthWithLeaseRenew
  it("are renewed only by who may write all their keys, where that is checked; one that is not stops no other", async () => {
    await using who = await people(shared);
    const ttlSeconds = 8;
    const soon = { timeout: 15_000 };
    const others = await Promise.all(Array.from({ length: 5 }, () => who.user.leases.grant(ttlSeconds)));
    const { id: own } = await who.user.leases.grant(ttlSeconds);
    const { id: secret } = await who.root.leases.grant(30);
    await who.user.kv.put(who.key, "x", { leaseId: own });
    await who.root.kv.put(who.secret, "x", { leaseId: secret });
    const kept = others.map(({ id }) => who.user.leases.keepAlive(id));
    const forbidden = who.user.leases.keepAlive(own);
    await expect.poll(() => [...kept, forbidden].every((keepAlive) => keepAlive.isHeld()), soon).toBe(true);
    const refused = who.user.leases.keepAlive(secret);
    if (!checked) {
      await expect.poll(() => refused.isHeld(), soon).toBe(true);
      return;
    }
    await expect(Array.fromAsync(refused)).rejects.toMatchObject({
      code: "KEEPALIVE_HALTED",
      reason: "permission-denied",
      cause: { code: "PERMISSION_DENIED" },
    });
    await expect(who.user.leases.keepAliveOnce(secret)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    // What could be renewed can be forbidden.
    await who.root.auth.roleRevokePermission({ role: who.role, key: new TextEncoder().encode(who.key) });
    await expect(Array.fromAsync(forbidden)).rejects.toMatchObject({ reason: "permission-denied" });
    await delay(ttlSeconds * 1_000);
    expect(kept.map((keepAlive) => keepAlive.isHeld())).toEqual(kept.map(() => true));
  });
});

const ttlSeconds = 3;
const runMs = 15_000;

/** Keeps leases alive for much longer than a token lives, over links that break on the way. */
async function keptWhileTokensExpire(cluster: EtcdCluster) {
  const witness = new Witness();
  const startMs = performance.now();
  await using bridges = await together(...cluster.endpoints.map((endpoint) => openBridge(endpoint)));
  const endpoints = bridges.all.map((bridge) => bridge.endpoint);
  await using connection = witness.connect(cluster, { endpoints });
  const leases = createLeases(connection);
  const kept = await Promise.all(
    Array.from({ length: 50 }, async () => leases.keepAlive((await leases.grant(8)).id)),
  );
  const end = performance.now() + runMs;
  let cutAt = end - runMs / 2;
  while (performance.now() < end) {
    await delay(500);
    if (performance.now() > cutAt) {
      for (const bridge of bridges.all) bridge.cut();
      cutAt += runMs;
    }
    for (const { signal } of kept) signal.throwIfAborted();
  }
  expect(kept.every((keepAlive) => keepAlive.isHeld())).toBe(true);
  return { witness, ranMs: performance.now() - startMs };
}

// F51: a stream takes along the token that it was opened with.
describeEachEtcd("tokens that live three seconds", (etcd) => {
  it("expire without any lease being lost, with few log-ins", async () => {
    await using simple = await etcd.start({ members: 3, auth: "simple", tokenTtlSeconds: ttlSeconds });
    await using jwt = await etcd.start({ auth: "jwt", tokenTtlSeconds: ttlSeconds });
    const [bySimple, byJwt] = await Promise.all([keptWhileTokensExpire(simple), keptWhileTokensExpire(jwt)]);
    console.info(
      `leases and tokens (etcd ${etcd.version}): 50 leases kept for ${runMs / 1_000} s, 0 lost; log-ins: simple ` +
        `${bySimple.witness.logIns}, JWT ${byJwt.witness.logIns}`,
    );
    for (const { witness, ranMs } of [bySimple, byJwt]) {
      expect(witness.logIns).toBeGreaterThanOrEqual(1);
      expect(witness.logIns).toBeLessThanOrEqual(2 + Math.ceil(ranMs / 1_000 / (ttlSeconds - 1)));
      witness.expectSecretsKept();
    }
  });
});
