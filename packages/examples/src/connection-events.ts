// Several endpoints, and what becomes of the links to them.
import { type Connection, connect, createKv } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region events
/** Tells about links as they come and go, until the connection is closed. Reading does not keep a program alive. */
async function report(connection: Connection, states: string[]): Promise<void> {
  for await (const event of connection.events()) {
    if (event.type !== "endpoint-state") continue;
    states.push(event.state);
    if (event.error !== undefined) console.error(event.error.message);
  }
}
// #endregion

const states: string[] = [];
let reporting: Promise<void>;
{
  // #region connect
  // Calls are spread over the members. One that is out of reach is passed over until it is back.
  await using connection = connect({ endpoints, balancing: "round-robin" });
  reporting = report(connection, states);
  // Nothing is dialled before the first call, or `ready`, asks for it.
  console.log("before:", [...new Set(connection.states().values())].join());
  await connection.ready({ timeoutMs: 5_000 });
  // #endregion

  const kv = createKv(connection);
  const members = new Set<bigint>();
  while (members.size < connection.endpoints().length) {
    members.add((await kv.range("examples/connection-events")).header.memberId);
  }
  console.log("after:", [...new Set(connection.states().values())].join());

  // #region endpoints
  // The list may change while calls are under way; links that stay are kept.
  const [first = ""] = connection.endpoints();
  connection.setEndpoints(first);
  console.log(connection.endpoints().length);

  // Or ask the cluster for its members.
  await connection.sync();
  // #endregion
  console.log("synced:", connection.endpoints().length);
}
await reporting;
const seen = ["connecting", "ready", "closed"].filter((state) => states.includes(state));
console.log("seen:", seen.join(", "));

// Output:
// before: idle
// after: ready
// 1
// synced: 3
// seen: connecting, ready, closed
