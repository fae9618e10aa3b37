// Options from the environment, for a program that makes its own connection.
// #region program
import { optionsFromEnv } from "@etcdkit/config/env";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { endpoints } from "./endpoints.js";

process.env["ETCDCTL_ENDPOINTS"] = endpoints;

// Options of one's own may be put beside or over what the environment says.
await using connection = connect({ ...optionsFromEnv(), autoSyncIntervalMs: 60_000 });
const kv = createKv(connection);
// #endregion
console.log(await kv.get("examples/config-env"));

// Output:
// undefined
