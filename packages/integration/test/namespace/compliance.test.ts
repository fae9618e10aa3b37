import type { Kv } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { namespaceKv } from "@etcdkit/namespace";
import { withOrdering } from "@etcdkit/ordering";
import { describeKv } from "@etcdkit/testing/compliance";
import { describeEachEtcd } from "../support/each-etcd.js";

const prefix = Uint8Array.of(0x6e, 0xff);

const decorated: readonly (readonly [name: string, decorate: (kv: Kv) => Kv])[] = [
  ["a namespace", (kv) => namespaceKv(kv, prefix)],
  ["a namespace in a namespace", (kv) => namespaceKv(namespaceKv(kv, prefix), "inner/")],
  ["an ordered store", (kv) => withOrdering(kv)],
  ["an ordered store over an ordered store", (kv) => withOrdering(withOrdering(kv))],
  ["a namespace of an ordered store", (kv) => namespaceKv(withOrdering(kv), prefix)],
  ["an ordered namespace", (kv) => withOrdering(namespaceKv(kv, prefix))],
];

describeEachEtcd("the compliance suite", (etcd) => {
  const shared = etcd.shared();

  for (const [name, decorate] of decorated) {
    describeKv(name, async () => {
      const connection = shared.connect();
      return { kv: decorate(createKv(connection)), [Symbol.asyncDispose]: () => connection.close() };
    });
  }
});
