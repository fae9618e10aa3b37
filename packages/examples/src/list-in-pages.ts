// Lists objects page by page, all as of the first page's revision, as Kubernetes does.

import { createKubernetesClient, type KubernetesListResult } from "@etcdkit/kv/kubernetes";
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const prefix = "examples/list-in-pages/";
for (const name of ["ada", "bob", "cy", "di", "eve"]) await etcd.kv.put(`${prefix}${name}`, "here");

// #region list
const store = createKubernetesClient(etcd.kv);

let page: KubernetesListResult = await store.list(prefix, { limit: 2 });
const { revision } = page;
while (true) {
  console.log(page.kvs.map(({ key }) => utf8(key)).join(" "), "and", page.count - page.kvs.length, "more");
  if (page.continue === undefined) break;
  // Where the last page ended, at the revision of the first.
  page = await store.list(prefix, { limit: 2, continue: page.continue, revision });
}
// #endregion

console.log(await store.count(prefix), "in all");
await etcd.kv.delete({ prefix });

// Output:
// examples/list-in-pages/ada examples/list-in-pages/bob and 3 more
// examples/list-in-pages/cy examples/list-in-pages/di and 1 more
// examples/list-in-pages/eve and 0 more
// 5 in all
