import { createLeases } from "@etcdkit/lease";
import { openDirectory, openRegistration } from "@etcdkit/naming";
import { openBridge } from "@etcdkit/testing";
import { expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { servicesOn, settled, uniqueService } from "./ground.js";

describeEachEtcd("a registration", (etcd) => {
  const shared = etcd.shared();

  it("is there until it is closed", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using leases = createLeases(connection);
    const manager = uniqueService(services);
    await using directory = openDirectory(services, manager.target);
    const key = `${manager.target}/a`;
    const registration = await openRegistration({ manager, leases }, key, { address: "a:1" });
    expect([...(await manager.list({ serializable: false }))]).toEqual([[key, { address: "a:1" }]]);
    await settled(directory, ["a:1"]);
    expect(registration.isRegistered()).toBe(true);
    await registration.close();
    expect((await manager.list({ serializable: false })).size).toBe(0);
    await settled(directory, []);
    const lease = (await leases.list()).ids;
    expect(lease).toEqual([]);
  });

  it("comes back under a new lease when somebody revokes its lease", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using leases = createLeases(connection);
    await using others = createLeases(connection);
    const manager = uniqueService(services);
    const key = `${manager.target}/a`;
    const changes: boolean[] = [];
    await using _registration = await openRegistration(
      { manager, leases },
      key,
      { address: "a:1" },
      {
        ttlSeconds: 6,
        onChange: (registered) => void changes.push(registered),
      },
    );
    await using directory = openDirectory(services, manager.target);
    await settled(directory, ["a:1"]);
    const before = (await services.kv.get(key))?.lease ?? 0n;
    await others.revoke(before);
    await settled(directory, []);
    await settled(directory, ["a:1"]);
    expect((await services.kv.get(key))?.lease).not.toBe(before);
    await vi.waitFor(() => expect(changes).toEqual([false, true]), { timeout: 10_000 });
  });

  it("goes when its process is cut off for longer than its time to live, and comes back with the link", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using direct = shared.connect();
    await using behind = shared.connect({ endpoints: bridge.endpoint });
    await using services = servicesOn(direct);
    await using own = servicesOn(behind);
    await using leases = createLeases(behind);
    const manager = uniqueService(own);
    const key = `${manager.target}/a`;
    await using registration = await openRegistration(
      { manager, leases },
      key,
      { address: "a:1" },
      {
        ttlSeconds: 2,
      },
    );
    await using directory = openDirectory(services, manager.target);
    await settled(directory, ["a:1"]);
    await bridge.refuse();
    bridge.cut();
    await settled(directory, []);
    expect(registration.isRegistered()).toBe(false);
    await bridge.pass();
    await settled(directory, ["a:1"]);
    await vi.waitFor(() => expect(registration.isRegistered()).toBe(true), { timeout: 10_000 });
  });
});
