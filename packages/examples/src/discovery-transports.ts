// Calling the endpoints of a service by a transport of one's own choice: here Connect's protocol, of connect-node.
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@etcdkit/core/protocol";
import { createEndpointManager, openDirectory } from "@etcdkit/naming";
import { createDirectoryTransport } from "@etcdkit/naming/connect";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const target = "examples/discovery-transports";

const server = createServer(
  connectNodeAdapter({
    routes: (router) => void router.service(Health, { check: () => ({ status: Status.SERVING }) }),
  }),
);
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
const manager = createEndpointManager(etcd, target);
await manager.add(`${target}/a`, { address: `127.0.0.1:${port}` });

await using directory = openDirectory(etcd, target);
// #region transport
await using transport = createDirectoryTransport({
  directory,
  policy: "pick-first",
  createTransport({ address }) {
    const baseUrl = `http://${address}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const connect = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
    return { ...connect, close: () => sessionManager.abort() };
  },
});
// #endregion
const { status } = await createClient(Health, transport).check({});
console.log(Status[status]);

await manager.delete(`${target}/a`);
await transport.close();
server.close();

// Output:
// SERVING
