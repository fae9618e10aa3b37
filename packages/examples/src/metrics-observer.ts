// Metrics for a system that there is no package for.
import { observeCalls } from "@etcdkit/metrics";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region observer
const totals = new Map<string, number>();

const count = observeCalls(({ service, method }) => ({
  sent: () => undefined,
  received: () => undefined,
  ended: (status) => {
    const name = `${service}/${method} ${status}`;
    totals.set(name, (totals.get(name) ?? 0) + 1);
  },
}));

await using etcd = createEtcd({ endpoints, interceptors: [count] });
// #endregion

await etcd.kv.get("examples/metrics-observer");
await etcd.kv.get("examples/metrics-observer");
for (const [name, total] of totals) console.log(name, total);

// Output:
// etcdserverpb.KV/Range OK 2
