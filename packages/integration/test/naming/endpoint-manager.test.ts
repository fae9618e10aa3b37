import { utf8 } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";
import { namespaceKv, namespaceWatcher } from "@etcdkit/namespace";
import { createEndpointManager, type EndpointUpdate, type EndpointWatch } from "@etcdkit/naming";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { servicesOn, uniqueService } from "./ground.js";

async function next(watch: EndpointWatch): Promise<readonly EndpointUpdate[]> {
  const result = await watch[Symbol.asyncIterator]().next();
  if (result.done === true) throw new Error("the watch has ended");
  return result.value;
}

describeEachEtcd("an endpoint manager", (etcd) => {
  const shared = etcd.shared();

  // naming/endpoints_test.go:TestEndpointManager
  it("tells watchers of endpoints that come and go, with their metadata", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    const manager = uniqueService(services);
    const key = `${manager.target}/a1`;
    const endpoint = { address: "127.0.0.1:2000", metadata: { zone: "b", weight: 3 } };
    await using watch = manager.watch();
    const added = next(watch);
    await manager.add(key, endpoint);
    expect(await added).toEqual([{ type: "add", key, endpoint }]);
    const deleted = next(watch);
    await manager.delete(key);
    expect(await deleted).toEqual([{ type: "delete", key }]);
  });

  // naming/endpoints_test.go:TestEndpointManagerAtomicity
  it("tells of what was done in one transaction in one batch", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    const manager = uniqueService(services);
    const [one, two] = [`${manager.target}/host`, `${manager.target}/host2`];
    const adds = [
      { type: "add", key: one, endpoint: { address: "127.0.0.1:2000" } },
      { type: "add", key: two, endpoint: { address: "127.0.0.1:2001" } },
    ] as const;
    await manager.update(adds);
    await using watch = manager.watch();
    expect(await next(watch)).toEqual(adds);
    const deleted = next(watch);
    await services.kv.delete({ prefix: manager.target });
    expect(await deleted).toEqual([
      { type: "delete", key: one },
      { type: "delete", key: two },
    ]);
    const changed = next(watch);
    await manager.update(adds);
    expect(await changed).toEqual(adds);
    const mixed = next(watch);
    await manager.update([
      { type: "delete", key: one },
      { type: "add", key: two, endpoint: { address: "127.0.0.1:2002" } },
    ]);
    expect(await mixed).toEqual([
      { type: "delete", key: one },
      { type: "add", key: two, endpoint: { address: "127.0.0.1:2002" } },
    ]);
  });

  // naming/endpoints_test.go:TestEndpointManagerCRUD
  it("adds, lists, updates and deletes", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    const manager = uniqueService(services);
    const { target } = manager;
    const [one, two] = [`${target}/ep1`, `${target}/ep2`];
    await manager.add(one, { address: "127.0.0.1:2000", metadata: 2 });
    expect([...(await manager.list())]).toEqual([[one, { address: "127.0.0.1:2000", metadata: 2 }]]);
    await manager.add(two, { address: "127.0.0.1:2001" });
    expect([...(await manager.list({ serializable: false })).keys()]).toEqual([one, two]);
    await manager.delete(one);
    await manager.delete(one);
    expect([...(await manager.list())]).toEqual([[two, { address: "127.0.0.1:2001" }]]);
    await manager.update([
      { type: "add", key: one, endpoint: { address: "127.0.0.1:2002" } },
      { type: "delete", key: two },
    ]);
    expect([...(await manager.list())]).toEqual([[one, { address: "127.0.0.1:2002" }]]);
    await expect(
      manager.update([
        { type: "delete", key: one },
        { type: "delete", key: one },
        { type: "add", key: one, endpoint: { address: "127.0.0.1:1" } },
        { type: "add", key: one, endpoint: { address: "127.0.0.1:2" } },
      ]),
    ).rejects.toMatchObject({ code: "DUPLICATE_KEY", outcome: "not-applied" });
    expect((await manager.list()).size).toBe(1);
  });

  // naming/resolver_test.go:TestEtcdEndpointManager
  it("keeps services apart of which the name of one begins that of the other", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    const { target } = uniqueService(services);
    const [foo, fooOther] = [target, `${target}_other`].map((name) => createEndpointManager(services, name));
    if (foo === undefined || fooOther === undefined) throw new Error("two managers were made");
    await foo.add(`${foo.target}/a`, { address: "a:1" });
    await fooOther.add(`${fooOther.target}/b`, { address: "b:1" });
    expect([...(await foo.list()).keys()]).toEqual([`${foo.target}/a`]);
    expect([...(await fooOther.list()).keys()]).toEqual([`${fooOther.target}/b`]);
    await using watch = foo.watch();
    expect(await next(watch)).toHaveLength(1);
    const heard = next(watch);
    await fooOther.delete(`${fooOther.target}/b`);
    await foo.delete(`${foo.target}/a`);
    expect(await heard).toEqual([{ type: "delete", key: `${foo.target}/a` }]);
  });

  it("stores what Go's client stores, tied to the lease that it is given, and the lease takes it away", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using leases = createLeases(connection);
    const manager = uniqueService(services);
    const key = `${manager.target}/a`;
    const { id } = await leases.grant(60);
    await manager.add(key, { address: "a:1", metadata: "m" }, { leaseId: id });
    const stored = await services.kv.get(key);
    expect(stored && [utf8(stored.value), stored.lease]).toEqual([
      '{"Op":0,"Addr":"a:1","Metadata":"m"}',
      id,
    ]);
    await using watch = manager.watch();
    await next(watch);
    const gone = next(watch);
    await leases.revoke(id);
    expect(await gone).toEqual([{ type: "delete", key }]);
    await expect(manager.add(key, { address: "a:1" }, { leaseId: id })).rejects.toMatchObject({
      code: "LEASE_NOT_FOUND",
      outcome: "not-applied",
    });
  });

  it("watches on over links that are cut, and after compactions, without a loss", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using direct = shared.connect();
    await using behind = shared.connect({ endpoints: bridge.endpoint });
    await using services = servicesOn(direct);
    await using watching = servicesOn(behind);
    const manager = uniqueService(services);
    await manager.add(`${manager.target}/a`, { address: "a:1" });
    await using watch = createEndpointManager(watching, manager.target).watch();
    await next(watch);

    const afterCut = next(watch);
    bridge.cut();
    await manager.add(`${manager.target}/b`, { address: "b:1" });
    expect(await afterCut).toHaveLength(1);

    const afterCompaction = next(watch);
    await bridge.refuse();
    bridge.cut();
    await manager.delete(`${manager.target}/a`);
    const { header } = await services.kv.put(`${manager.target}/c`, '{"Addr":"c:1"}');
    await services.kv.compact(header.revision);
    await bridge.pass();
    const updates = [...(await afterCompaction)];
    // The compaction keeps what is newest: the put is an event still, the deletion is known by what is missing.
    while (updates.length < 2) updates.push(...(await next(watch)));
    expect(updates).toEqual([
      { type: "add", key: `${manager.target}/c`, endpoint: { address: "c:1" } },
      { type: "delete", key: `${manager.target}/a` },
    ]);
  });

  it("lives in a namespace as well", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    const inside = {
      kv: namespaceKv(services.kv, "tenant/"),
      watcher: namespaceWatcher(services.watcher, "tenant/"),
    };
    const { target } = uniqueService(services);
    const manager = createEndpointManager(inside, target);
    await using watch = manager.watch();
    const heard = next(watch);
    await manager.add(`${target}/a`, { address: "a:1" });
    expect(await heard).toEqual([{ type: "add", key: `${target}/a`, endpoint: { address: "a:1" } }]);
    expect(await services.kv.get(`tenant/${target}/a`)).toBeDefined();
    expect(() => createEndpointManager({ ...inside, kv: services.kv }, target)).toThrow("one namespace");
  });
});
