// Read, change, write if nobody else has written meanwhile, else begin again: how Kubernetes updates its objects.

import { createKubernetesClient } from "@etcdkit/kv/kubernetes";
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const key = "examples/optimistic-update/visits";
await etcd.kv.delete(key);

// #region update
const store = createKubernetesClient(etcd.kv);

async function increment(): Promise<void> {
  let { kv: current } = await store.get(key);
  while (true) {
    const visits = current === undefined ? 0 : Number(utf8(current.value));
    // `undefined`, of a key that does not exist, means: only if it still does not.
    const result = await store.optimisticPut(key, `${visits + 1}`, current?.modRevision, {
      getOnFailure: true,
    });
    if (result.succeeded) return;
    current = result.kv;
  }
}
// #endregion

await Promise.all(Array.from({ length: 8 }, increment));
const { kv: total } = await store.get(key);
console.log(total && utf8(total.value), "visits");
await etcd.kv.delete(key);

// Output:
// 8 visits
