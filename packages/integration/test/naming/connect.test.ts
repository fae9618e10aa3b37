import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type Directory, openDirectory } from "@etcdkit/naming";
import { createDirectoryTransport, type DirectoryTransportOptions } from "@etcdkit/naming/connect";
import {
  Echo,
  type EchoServer,
  openBridge,
  startConnectEchoServer,
  startGrpcJsEchoServer,
} from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { together } from "../support/together.js";
import { addressOf, callForEver, quiet, servicesOn, settled, uniqueService } from "./ground.js";

const transports: readonly (readonly [string, Omit<DirectoryTransportOptions, "directory">])[] = [
  ["gRPC by our own transport", {}],
  [
    "Connect's protocol by connect-node",
    {
      createTransport({ address }) {
        const baseUrl = `http://${address}`;
        const sessionManager = new Http2SessionManager(baseUrl);
        const transport = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
        return { ...transport, close: () => sessionManager.abort() };
      },
    },
  ],
];

/** A client over all of a directory. */
function clientOver(directory: Directory, options: Omit<DirectoryTransportOptions, "directory">) {
  const transport = createDirectoryTransport({ directory, ...options });
  const client = createClient(Echo, transport);
  return { client, [Symbol.asyncDispose]: () => transport.close() };
}

describeEachEtcd("a Connect transport over a directory", (etcd) => {
  const shared = etcd.shared();

  describe.each(transports)("with %s", (_title, options) => {
    it("balances over services of Connect, in turn or on the first", async () => {
      await using connection = shared.connect();
      await using services = servicesOn(connection);
      await using servers = await together(startConnectEchoServer(), startConnectEchoServer());
      const manager = uniqueService(services);
      await manager.update(
        servers.all.map((server, index) => ({
          type: "add",
          key: `${manager.target}/${index}`,
          endpoint: { address: addressOf(server) },
        })),
      );
      await using directory = openDirectory(services, manager.target);
      await using all = clientOver(directory, options);
      await using first = clientOver(directory, { ...options, policy: "pick-first" });
      for (let i = 0; i < 20; i++) {
        await Promise.all(
          Array.from({ length: 10 }, () =>
            Promise.all([all.client.unary({ name: "all" }), first.client.unary({ name: "first" })]),
          ),
        );
      }
      expect(servers.all.map(({ log }) => log.entries("all").length)).toEqual([100, 100]);
      expect(servers.all.map(({ log }) => log.entries("first").length)).toEqual([200, 0]);
    });

    it("loses no call when endpoints come, and go in good order, under load", async () => {
      await using connection = shared.connect();
      await using services = servicesOn(connection);
      await using servers = await together(startConnectEchoServer(), startConnectEchoServer());
      const [leaving, coming] = servers.all;
      if (leaving === undefined || coming === undefined) throw new Error("two servers were started");
      const manager = uniqueService(services);
      const keyOf = (server: EchoServer): string => `${manager.target}/${addressOf(server)}`;
      const served = (server: EchoServer): number => server.log.entries("load").length;
      await using directory = openDirectory(services, manager.target);
      await using over = clientOver(directory, options);
      const traffic = callForEver(() => over.client.unary({ name: "load" }), 8); // waits for an endpoint
      await manager.add(keyOf(leaving), { address: addressOf(leaving) });
      await traffic.until(() => served(leaving) > 50);
      await manager.add(keyOf(coming), { address: addressOf(coming) });
      await traffic.until(() => served(coming) > 50);
      // A stream goes on at the endpoint that leaves.
      const stream = over.client.serverStream({ name: "stream", count: 1, wait: true });
      const messages = stream[Symbol.asyncIterator]();
      await messages.next();
      const [streaming] = servers.all.filter(({ log }) => log.entries("stream").length > 0);
      const staying = streaming === leaving ? coming : leaving;
      if (streaming === undefined) throw new Error("some server streams");

      await manager.delete(keyOf(streaming));
      await settled(directory, [addressOf(staying)]);
      await quiet(streaming, traffic);
      expect(streaming.log.entries("stream")[0]?.over).toBe(false);
      await messages.return?.();
      await streaming.close();
      const { answered } = traffic;
      await traffic.until(() => traffic.answered > answered + 100);
      await traffic.stop();
      expect(traffic.failures).toEqual([]);
    });

    it("ends the streams of endpoints that left the directory when it is closed", async () => {
      await using connection = shared.connect();
      await using services = servicesOn(connection);
      await using server = await startConnectEchoServer();
      const manager = uniqueService(services);
      await manager.add(`${manager.target}/a`, { address: addressOf(server) });
      await using directory = openDirectory(services, manager.target);
      await using over = clientOver(directory, options);
      const stream = over.client.serverStream({ name: "stream", count: 1, wait: true });
      const messages = stream[Symbol.asyncIterator]();
      await messages.next();
      await manager.delete(`${manager.target}/a`);
      await settled(directory, []);
      const next = messages.next();
      next.catch(() => undefined);
      await over[Symbol.asyncDispose]();
      await expect(next).rejects.toThrow();
      await server.log.until("stream", ({ over: isOver }) => isOver);
    });

    it("goes on to the next endpoint when one is not there, and says so when there is none", async () => {
      await using connection = shared.connect();
      await using services = servicesOn(connection);
      const manager = uniqueService(services);
      await using server = await startConnectEchoServer();
      const gone = await startConnectEchoServer();
      await gone.close();
      await manager.add(`${manager.target}/a`, { address: addressOf(gone) });
      await manager.add(`${manager.target}/b`, { address: addressOf(server) });
      await using directory = openDirectory(services, manager.target);
      await directory.ready();
      await using over = clientOver(directory, options);
      for (let i = 0; i < 10; i++) await over.client.unary({ name: "next" });
      expect(server.log.entries("next")).toHaveLength(10);
      await manager.delete(`${manager.target}/b`);
      await settled(directory, [addressOf(gone)]);
      await expect(over.client.unary({})).rejects.toMatchObject({
        code: Code.Unavailable,
        rawMessage: expect.stringContaining("can be reached"),
      });
    });
  });

  it("repeats no call whose outcome is unknown", async () => {
    await using connection = shared.connect();
    await using services = servicesOn(connection);
    const manager = uniqueService(services);
    await using servers = await together(startGrpcJsEchoServer(), startGrpcJsEchoServer());
    for (const server of servers.all) {
      await manager.add(`${manager.target}/${addressOf(server)}`, { address: addressOf(server) });
    }
    await using directory = openDirectory(services, manager.target);
    await using over = clientOver(directory, {});
    const calling = over.client.unary({ name: "lost", wait: true });
    calling.catch(() => undefined);
    const busy = await Promise.race(
      servers.all.map(async (server) => {
        await server.log.until("lost", ({ received }) => received > 0);
        return server;
      }),
    );
    await busy.close();
    await expect(calling).rejects.toMatchObject({ code: Code.Unavailable });
    expect(servers.all.reduce((sum, { log }) => sum + log.entries("lost").length, 0)).toBe(1);
    await over.client.unary({ name: "next" });
  });

  it("follows on after the link to etcd was cut, and works on while there is none", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using direct = shared.connect();
    await using behind = shared.connect({ endpoints: bridge.endpoint });
    await using services = servicesOn(direct);
    await using following = servicesOn(behind);
    await using servers = await together(startGrpcJsEchoServer(), startGrpcJsEchoServer());
    const [one, two] = servers.all.map(addressOf);
    if (one === undefined || two === undefined) throw new Error("two servers were started");
    const manager = uniqueService(services);
    await manager.add(`${manager.target}/a`, { address: one });
    await using directory = openDirectory(following, manager.target);
    await directory.ready();
    await using over = clientOver(directory, {});
    await bridge.refuse();
    bridge.cut();
    await manager.update([
      { type: "delete", key: `${manager.target}/a` },
      { type: "add", key: `${manager.target}/b`, endpoint: { address: two } },
    ]);
    await over.client.unary({ name: "meanwhile" });
    expect(servers.all[0]?.log.entries("meanwhile")).toHaveLength(1);
    await bridge.pass();
    await settled(directory, [two]);
    await over.client.unary({ name: "after" });
    expect(servers.all[1]?.log.entries("after")).toHaveLength(1);
  });
});
