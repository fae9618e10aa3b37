import { createKv } from "@etcdkit/kv";
import { describeKv } from "@etcdkit/testing/compliance";
import { describeEachEtcd } from "../support/each-etcd.js";

describeEachEtcd("the compliance suite", (etcd) => {
  const shared = etcd.shared();

  describeKv("kv over a real server", async () => {
    const connection = shared.connect();
    return { kv: createKv(connection), [Symbol.asyncDispose]: () => connection.close() };
  });
});
