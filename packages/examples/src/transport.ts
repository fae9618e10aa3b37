// gRPC without the rest of the client: one endpoint, one link, any generated service.
import { createClient } from "@connectrpc/connect";
import { parseEndpoint } from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import { createHttp2Transport, dispositionOf, TransportError } from "@etcdkit/transport";
import { endpoints } from "./endpoints.js";

const [first = ""] = endpoints.split(",");
const endpoint = parseEndpoint(first, false);

// #region call
const transport = createHttp2Transport({ endpoint, maxSendBytes: 2 * 1024 * 1024 });
const states: string[] = [];
transport.subscribe(({ state }) => states.push(state));
await transport.connect(AbortSignal.timeout(2_000));

const kv = createClient(KV, transport);
const key = new TextEncoder().encode("examples/transport/greeting");
const value = new TextEncoder().encode("hello");
await kv.put({ key, value });
const { kvs, count } = await kv.range({ key });
console.log(count, kvs.map((pair) => new TextDecoder().decode(pair.value)).join());
await kv.deleteRange({ key });
// #endregion

// #region failure
await transport.close();
console.log(states.join(", "));
try {
  await kv.put({ key, value });
} catch (error) {
  // Not sent, hence not applied: whoever repeats it cannot write twice.
  if (!(error instanceof TransportError)) throw error;
  console.log(error.kind, dispositionOf(error));
}
// #endregion

// Output:
// 1n hello
// connecting, ready, closed
// link unsent
