import { utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless } from "../support/leader.js";
import { uniqueKey } from "../support/unique-key.js";

const soon = { timeout: 15_000 };

describeEachEtcd("the endpoints of a connection", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  // dial_test.go:TestDialSetEndpointsBeforeFail, dial_test.go:TestDialSetEndpointsAfterFail
  describe.each([{ when: "before" }, { when: "after" }] as const)(
    "replaced $when the only one dies",
    ({ when }) => {
      it("serve reads again", async () => {
        const [first, second] = shared.cluster.members;
        if (first === undefined || second === undefined) throw new Error("expected three members");
        await using connection = shared.connect({ endpoints: first.endpoint });
        const kv = createKv(connection);
        await kv.get("any");
        if (when === "before") connection.setEndpoints([first.endpoint, second.endpoint]);
        await first.kill();
        try {
          if (when === "after") connection.setEndpoints([first.endpoint, second.endpoint]);
          await kv.get("any", { serializable: true });
          expect(connection.endpoints()).toEqual([first.endpoint, second.endpoint]);
        } finally {
          await first.restart();
          await allServe(shared.cluster);
        }
      });
    },
  );

  // dial_test.go:TestSwitchSetEndpoints
  it("can be switched away from a member that was cut off from the others", async () => {
    const { cluster } = shared;
    const [lone, ...others] = cluster.members;
    if (lone === undefined) throw new Error("expected three members");
    await using connection = shared.connect({ endpoints: lone.endpoint });
    const kv = createKv(connection);
    await kv.get("any");
    cluster.partition([lone]);
    try {
      await becomesLeaderless(cluster, lone);
      connection.setEndpoints(others.map((member) => member.endpoint));
      await kv.get("any", { timeoutMs: 30_000 });
      expect([...connection.states().keys()]).toEqual(others.map((member) => member.endpoint));
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
  });

  // dial_test.go:TestSetEndpointAndPut
  it("take a put right after they were replaced", async () => {
    const [first, second] = shared.cluster.members;
    if (first === undefined || second === undefined) throw new Error("expected three members");
    await using connection = shared.connect({ endpoints: second.endpoint });
    const kv = createKv(connection);
    const key = uniqueKey();
    await kv.put(key, "before");
    connection.setEndpoints(first.endpoint);
    await kv.put(key, "after");
    expect(await kv.get(key).then((found) => utf8(found?.value ?? new Uint8Array()))).toBe("after");
  });

  // dial_test.go:TestDialForeignEndpoint
  it("need not name a member for calls to be pinned to it", async () => {
    const [first, second] = shared.cluster.members;
    if (first === undefined || second === undefined) throw new Error("expected three members");
    await using connection = shared.connect({ endpoints: first.endpoint });
    const pinned = createKv({ transport: connection.endpoint(second.endpoint) });
    const here = await createKv(connection).range("any");
    const there = await pinned.range("any");
    expect(there.header.memberId).not.toBe(here.header.memberId);
    expect(there.header.clusterId).toBe(here.header.clusterId);
    expect(connection.endpoints()).toEqual([first.endpoint]);
  });

  it("are all connected once there were calls, those too that were added while another was ready", async () => {
    const [first = ""] = shared.endpoints;
    await using connection = shared.connect({ endpoints: first });
    connection.setEndpoints(shared.endpoints);
    expect([...connection.states().values()]).toEqual(["idle", "idle", "idle"]);
    connection.setEndpoints(first);
    await createKv(connection).get("any");
    connection.setEndpoints(shared.endpoints);
    await expect.poll(() => [...connection.states().values()], soon).toEqual(["ready", "ready", "ready"]);
  });

  it("spread calls over all members", async () => {
    await using connection = shared.connect();
    await connection.ready();
    await expect.poll(() => [...connection.states().values()], soon).toEqual(["ready", "ready", "ready"]);
    const kv = createKv(connection);
    const answers = await Promise.all(Array.from({ length: 30 }, () => kv.range("any")));
    const counts = new Map<bigint, number>();
    for (const { header } of answers) counts.set(header.memberId, (counts.get(header.memberId) ?? 0) + 1);
    expect([...counts.values()]).toEqual([10, 10, 10]);
  });

  // client_test.go:TestSyncFiltersMembers
  it("are taken from the member list by sync()", async () => {
    await using connection = shared.connect({ endpoints: shared.endpoints[0] ?? "" });
    await connection.sync();
    expect([...connection.endpoints()].sort()).toEqual([...shared.endpoints].sort());
  });
});
