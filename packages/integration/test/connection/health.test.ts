import { setImmediate as turn } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { connect, op } from "@etcdkit/core";
import { Health, HealthCheckResponse_ServingStatus, KV, Maintenance } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { openGrpcTransport, startScriptedServer } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { describeEtcds, installed } from "../support/each-etcd.js";
import { behavesSo } from "../support/version-differences.js";

const { NOT_SERVING, SERVING } = HealthCheckResponse_ServingStatus;
const able = installed.filter(({ version }) => behavesSo(version, "stop-on-defrag"));

describeEtcds("a member that defragments", able, (etcd) => {
  const flag = etcd.atLeast("3.6")
    ? ["--feature-gates", "StopGRPCServiceOnDefrag=true"]
    : ["--experimental-stop-grpc-service-on-defrag"];
  const shared = etcd.shared({ members: 3, args: flag });

  // failover_test.go:TestFailoverOnDefrag
  it("is passed over with healthCheck until it is done", async () => {
    const { cluster } = shared;
    await using connection = shared.connect({ healthCheck: true });
    const kv = createKv(connection);
    // Enough to make defragmentation last for longer than the news of it needs.
    const value = new Uint8Array(16_000);
    for (let i = 0; i < 40; i++) {
      const success = Array.from({ length: 64 }, (_, j) => op.put(`filler/${i}/${j}`, value));
      await kv.txn({ success }, { idempotent: true, timeoutMs: 30_000 });
    }
    const [busy] = cluster.members;
    await using direct = openGrpcTransport(busy?.endpoint ?? "");
    const { header } = await createClient(Maintenance, direct.transport).status({});
    const busyId = header?.memberId;
    const answeredBy: (bigint | undefined)[] = [];
    const events = connection.events()[Symbol.asyncIterator]();
    const heard = async (): Promise<boolean> => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        const { value } = next;
        if (value.type !== "endpoint-health") continue;
        expect(value.endpoint).toBe(busy?.endpoint);
        return value.serving;
      }
      throw new Error("the connection is closed");
    };
    // Where both pieces of news come at once, as they may on a busy machine, there is nothing to see: then again.
    while (answeredBy.length === 0) {
      const defragmented = createClient(Maintenance, direct.transport).defragment({});
      expect(await heard()).toBe(false);
      let isBack = false;
      const back = heard().then((serving) => {
        isBack = true;
        return serving;
      });
      await turn();
      if (!isBack) {
        // Passed over from the moment that it was heard of: three rounds over the members.
        const answers = await Promise.all(
          Array.from({ length: 9 }, () => kv.range("any", { serializable: true })),
        );
        answeredBy.push(...answers.map((answer) => answer.header.memberId));
      }
      await defragmented;
      expect(await back).toBe(true);
    }
    expect(answeredBy).toHaveLength(9);
    expect(answeredBy).not.toContain(busyId);
    // And it is back.
    const after = await Promise.all(Array.from({ length: 9 }, () => kv.range("any", { serializable: true })));
    expect(after.map((answer) => answer.header.memberId)).toContain(busyId);
  });
});

// How long a real member defragments cannot be told; a scripted one says NOT_SERVING for as long as the case takes.
describe("a member that says NOT_SERVING", () => {
  it.each([
    { healthCheck: true, share: 0 },
    { healthCheck: false, share: 10 },
  ])("gets $share of 30 calls with healthCheck $healthCheck", async ({ healthCheck, share }) => {
    await using bad = await startScriptedServer({ memberId: 1n });
    await using good = await startScriptedServer({ memberId: 2n });
    await using better = await startScriptedServer({ memberId: 3n });
    bad.on(Health.method.watch, (call) => call.send({ status: NOT_SERVING }));
    for (const server of [good, better]) {
      server.on(Health.method.watch, (call) => call.send({ status: SERVING }));
    }
    await using connection = connect({
      endpoints: [bad, good, better].map(({ endpoint }) => endpoint),
      healthCheck,
    });
    const events = connection.events();
    const kv = createKv(connection);
    await connection.ready();
    await expect
      .poll(() => [...connection.states().values()], { timeout: 15_000 })
      .toEqual(["ready", "ready", "ready"]);
    if (healthCheck) {
      for await (const event of events) if (event.type === "endpoint-health") break;
    }
    const before = bad.callsOf(KV.method.range).length;
    await Promise.all(Array.from({ length: 30 }, () => kv.get("any")));
    expect(bad.callsOf(KV.method.range).length - before).toBe(share);
  });
});
