import { Code } from "@connectrpc/connect";
import { KV } from "@etcdkit/core/protocol";
import {
  type EtcdCluster,
  openBridge,
  openFrameProxy,
  rstStreamFrame,
  startEtcd,
  startScriptedServer,
} from "@etcdkit/testing";
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

  // #region frames
  it("sends a write again that the server has refused to look at", async () => {
    await using cluster = await startEtcd({ members: 1 });
    await using proxy = await openFrameProxy(cluster.endpoints[0] ?? "");
    await using etcd = createEtcd({ endpoints: proxy.endpoint });
    await etcd.kv.put("key", "first"); // the client's first stream is number 1, its next one number 3

    const second = { direction: "toServer", streamId: 3 } as const;
    proxy.when({ ...second, andLater: true }, { do: "drop" });
    const refusal = rstStreamFrame(3, 7); // REFUSED_STREAM
    const refused = proxy.when(second, { do: "inject", bytes: refusal, other: true });

    await etcd.kv.put("key", "second");
    expect(refused.hits).toBe(1);
    expect((await etcd.kv.get("key"))?.version).toBe(2n);
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
