import { Code } from "@connectrpc/connect";
import { KV } from "@etcdkit/core/protocol";
import { type EtcdCluster, openBridge, startEtcd, startScriptedServer } from "@etcdkit/testing";
import { describeKv } from "@etcdkit/testing/compliance";
import { createEtcd, kvFrom } from "etcdkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

describe("a program under test", () => {
  // #region bridge
  it("learns that the outcome of a write is unknown when its answer is lost", async () => {
    await using cluster = await startEtcd({ members: 1 });
    await using bridge = await openBridge(cluster.endpoints[0] ?? "");
    await using etcd = createEtcd({ endpoints: bridge.endpoint });
    await etcd.connection.ready();

    const lost = bridge.dropAnswersThenCut();
    await expect(etcd.kv.put("key", "value")).rejects.toMatchObject({ outcome: "unknown" });
    await lost;

    expect((await etcd.kv.get("key"))?.version).toBe(1n); // it was written, once
  });
  // #endregion

  // #region scripted
  it("asks again when a member has no leader for a moment", async () => {
    await using server = await startScriptedServer();
    await using etcd = createEtcd({ endpoints: server.endpoint });
    server.once(KV.method.range, (call) => call.fail(Code.Unavailable, "etcdserver: no leader"));

    expect(await etcd.kv.get("key")).toBeUndefined();
    expect(server.callsOf(KV.method.range)).toHaveLength(2);
  });
  // #endregion
});

describe("a wrapper", () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await startEtcd();
  });
  afterAll(() => cluster?.close());

  // #region compliance
  describeKv("a wrapper that adds nothing", async () => {
    const etcd = createEtcd({ endpoints: cluster.endpoints });
    const kv = kvFrom({ execute: (op, call) => etcd.kv.execute(op, call) });
    return { kv, [Symbol.asyncDispose]: etcd.close };
  });
  // #endregion
});
