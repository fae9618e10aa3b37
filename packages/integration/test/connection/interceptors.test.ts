import type { Interceptor } from "@connectrpc/connect";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("an interceptor", (etcd) => {
  const shared = etcd.shared();

  // metrics_test.go:TestV3ClientMetrics
  it("sees one put started and one handled, and nothing of how it came about", async () => {
    const seen: string[] = [];
    const count: Interceptor = (next) => async (request) => {
      seen.push(`started ${request.method.name}`);
      const answer = await next(request);
      seen.push(`handled ${request.method.name}`);
      return answer;
    };
    await using connection = shared.connect({ interceptors: [count] });
    await createKv(connection).put(uniqueKey(), "value");
    expect(seen).toEqual(["started Put", "handled Put"]);
  });

  it("sees a read once that was sent twice", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    let calls = 0;
    const count: Interceptor = (next) => (request) => {
      calls++;
      return next(request);
    };
    await using connection = shared.connect({ endpoints: bridge.endpoint, interceptors: [count] });
    const kv = createKv(connection);
    await kv.get("any");
    const lost = bridge.dropAnswersThenCut({ quietMs: 20 });
    await kv.get("any");
    await lost;
    expect(calls).toBe(2);
    await bridge.connected(2);
  });
});
