// Registering a service and finding it, without the bundle.

// #region program
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createEndpointManager, openDirectory, openRegistration } from "@etcdkit/naming";
import { createWatcher } from "@etcdkit/watch";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const services = { kv: createKv(connection), watcher: createWatcher(connection) };
const leases = createLeases(connection);

// The service says where it is. Should the process die, etcd forgets it within ten seconds.
const manager = createEndpointManager(services, "naming-alone/greeter");
const registration = await openRegistration({ manager, leases }, "naming-alone/greeter/1", {
  address: "10.0.0.7:8080",
  metadata: { zone: "north" },
});

// Whoever calls it follows where it is.
const directory = openDirectory(services, "naming-alone/greeter");
for (const [key, { address, metadata }] of await directory.ready()) console.log(key, address, metadata);

await registration.close();
await directory.close();
await connection.close();
// #endregion

// Output:
// naming-alone/greeter/1 10.0.0.7:8080 { zone: 'north' }
