import { registerEtcdResolver } from "@etcdkit/naming/grpc-js";
import { openBridge, startGrpcJsEchoServer } from "@etcdkit/testing";
import { status } from "@grpc/grpc-js";
import { expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { together } from "../support/together.js";
import { addressOf, callForEver, quiet, servicesOn, uniqueService } from "./ground.js";
import { type GrpcEchoClient, grpcEchoClient } from "./grpc-client.js";

const startTwo = () => together(startGrpcJsEchoServer(), startGrpcJsEchoServer());

/** Makes calls, 50 at a time. */
async function callMany(client: GrpcEchoClient, count: number, name: string): Promise<void> {
  for (let left = count; left > 0; left -= 50) {
    await Promise.all(Array.from({ length: Math.min(left, 50) }, () => client.unary({ name })));
  }
}

describeEachEtcd("a channel of grpc-js to an etcd target", (etcd) => {
  const shared = etcd.shared();

  // naming/resolver_test.go:TestEtcdGrpcResolverPickFirst
  it("sends every call to one endpoint with pick_first, the first in the order of keys", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using servers = await startTwo();
    const [second, first] = servers.all;
    if (first === undefined || second === undefined) throw new Error("two servers were started");
    const manager = uniqueService(services);
    await manager.add(`${manager.target}/b`, { address: addressOf(second) });
    await manager.add(`${manager.target}/a`, { address: addressOf(first) });
    registerEtcdResolver(services);
    using client = grpcEchoClient(`etcd:///${manager.target}`);
    await callMany(client, 3_500, "pick-first");
    expect(servers.all.map(({ log }) => log.entries("pick-first").length)).toEqual([0, 3_500]);
  });

  // naming/resolver_test.go:TestEtcdGrpcResolverRoundRobin
  it("sends half of the calls to each of two endpoints with round_robin", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using servers = await startTwo();
    const manager = uniqueService(services);
    registerEtcdResolver(services);
    for (const server of servers.all) {
      await manager.add(`${manager.target}/${addressOf(server)}`, { address: addressOf(server) });
    }
    using client = grpcEchoClient(`etcd:///${manager.target}`, "round_robin");
    // Both links have to be up.
    while (!servers.all.every(({ log }) => log.entries("warm-up").length > 0)) {
      await client.unary({ name: "warm-up" });
    }
    await callMany(client, 3_500, "round-robin");
    expect(servers.all.map(({ log }) => log.entries("round-robin").length)).toEqual([1_750, 1_750]);
  });

  it("loses no call when endpoints come, and go in good order, under load", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using servers = await startTwo();
    const [leaving, coming] = servers.all;
    if (leaving === undefined || coming === undefined) throw new Error("two servers were started");
    const manager = uniqueService(services);
    registerEtcdResolver(services);
    const keyOf = (server: typeof leaving): string => `${manager.target}/${addressOf(server)}`;
    const served = (server: typeof leaving): number => server.log.entries("load").length;
    await manager.add(keyOf(leaving), { address: addressOf(leaving) });
    using client = grpcEchoClient(`etcd:///${manager.target}`, "round_robin");
    const traffic = callForEver(() => client.unary({ name: "load" }), 8);

    await traffic.until(() => served(leaving) > 100);
    await manager.add(keyOf(coming), { address: addressOf(coming) });
    await traffic.until(() => served(coming) > 100);
    await manager.delete(keyOf(leaving));
    // It serves on until nobody comes any more, then it ends.
    await quiet(leaving, traffic);
    await leaving.close();
    const answered = traffic.answered;
    await traffic.until(() => traffic.answered > answered + 100);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  });

  it("fails calls at once while there is no endpoint, unless they wait for one", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using server = await startGrpcJsEchoServer();
    const manager = uniqueService(services);
    registerEtcdResolver(services);
    for (const policy of [undefined, "round_robin"] as const) {
      using client = grpcEchoClient(`etcd:///${manager.target}`, policy);
      await expect(client.unary({})).rejects.toMatchObject({
        code: status.UNAVAILABLE,
        details: expect.stringContaining("has no endpoint"),
      });
      const waiting = client.unary({}, { waitForReady: true });
      await manager.add(`${manager.target}/a`, { address: addressOf(server) });
      await waiting;
      await manager.delete(`${manager.target}/a`);
    }
  });

  it("follows on after its link to etcd was cut, and works on while there is none", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using direct = shared.connect();
    await using behind = shared.connect({ endpoints: bridge.endpoint });
    await using services = servicesOn(direct);
    await using resolving = servicesOn(behind);
    await using servers = await startTwo();
    const [one, two] = servers.all;
    if (one === undefined || two === undefined) throw new Error("two servers were started");
    const manager = uniqueService(services);
    await manager.add(`${manager.target}/a`, { address: addressOf(one) });
    registerEtcdResolver(resolving, { scheme: "etcd-cut" });
    using client = grpcEchoClient(`etcd-cut:///${manager.target}`, "round_robin");
    await client.unary({ name: "before" });
    await bridge.refuse();
    bridge.cut();
    await callMany(client, 100, "meanwhile");
    expect(one.log.entries("meanwhile")).toHaveLength(100);
    await manager.update([
      { type: "delete", key: `${manager.target}/a` },
      { type: "add", key: `${manager.target}/b`, endpoint: { address: addressOf(two) } },
    ]);
    await bridge.pass();
    while (two.log.entries("after").length === 0) await client.unary({ name: "after" });
  });

  it("leaves no watch behind when it is closed", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    await using server = await startGrpcJsEchoServer();
    const manager = uniqueService(services);
    await manager.add(`${manager.target}/a`, { address: addressOf(server) });
    const opened: AsyncDisposable[] = [];
    const closed: AsyncDisposable[] = [];
    registerEtcdResolver(
      {
        kv: services.kv,
        watcher: {
          open(request, call) {
            const watch = services.watcher.open(request, call);
            opened.push(watch);
            const close = async (): Promise<void> => {
              await watch.close();
              closed.push(watch);
            };
            return {
              created: watch.created,
              requestProgress: (options) => watch.requestProgress(options),
              close,
              [Symbol.asyncDispose]: close,
              [Symbol.asyncIterator]: () => watch[Symbol.asyncIterator](),
            };
          },
        },
      },
      { scheme: "etcd-counted" },
    );
    {
      using client = grpcEchoClient(`etcd-counted:///${manager.target}`);
      await client.unary({});
      expect(opened).toHaveLength(1);
    }
    await vi.waitFor(() => expect(closed).toEqual(opened), { timeout: 10_000 });
  });
});
