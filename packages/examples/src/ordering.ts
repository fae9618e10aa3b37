// Reads that never go back, whichever member answers.

// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { withOrdering } from "@etcdkit/ordering";

const endpoints = (process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379").split(",");
const connection = connect({ endpoints });
const kv = withOrdering(createKv(connection));

const { header } = await kv.put("ordering/price", "12");

// Any member may answer a serializable read, from what it has. This one is not from before the put, or it rejects.
const { header: read, kvs } = await kv.range("ordering/price", { serializable: true });
console.log(kvs.map(({ value }) => utf8(value)).join(), read.revision >= header.revision);

await kv.delete("ordering/price");
await connection.close();
// #endregion

// Output:
// 12 true
