import { type CallOptions, type Kv, op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";

const soon = { timeout: 15_000 };

const calls = [
  { name: "put", run: (kv: Kv, key: string, call: CallOptions) => kv.put(key, "value", call) },
  { name: "delete", run: (kv: Kv, key: string, call: CallOptions) => kv.delete(key, call) },
  {
    name: "txn",
    run: (kv: Kv, key: string, call: CallOptions) => kv.txn({ success: [op.put(key, "value")] }, call),
  },
  { name: "linearizable get", run: (kv: Kv, key: string, call: CallOptions) => kv.get(key, call) },
  {
    name: "serializable get",
    run: (kv: Kv, key: string, call: CallOptions) => kv.get(key, { ...call, serializable: true }),
  },
] as const;

describeEachEtcd("an endpoint that swallows everything", (etcd) => {
  const shared = etcd.shared({ members: 2 });

  // black_hole_test.go:TestBalancerUnderBlackholeNoKeepAlivePut, ...Delete, ...Txn, ...LinearizableGet, ...SerializableGet
  it.each(calls)(
    "lets a $name through to the other one within two tries, without keepalive",
    async ({ run }) => {
      const [first = "", second = ""] = shared.endpoints;
      await using bridge = await openBridge(first);
      await using connection = shared.connect({ endpoints: [bridge.endpoint, second], keepAlive: false });
      const kv = createKv(connection);
      const key = uniqueKey();
      await connection.ready();
      await expect.poll(() => [...connection.states().values()], soon).toEqual(["ready", "ready"]);
      await bridge.blackhole();
      let failures = 0;
      while (failures < 2) {
        try {
          await run(kv, key, { timeoutMs: 2_000 });
          break;
        } catch (error) {
          const { error: failed } = await rejection(() => Promise.reject(error));
          expect(failed).toMatchObject({ code: "DEADLINE", endpoint: bridge.endpoint });
          failures++;
        }
      }
      expect(failures).toBeLessThan(2);
    },
  );

  // client_test.go:TestDialCancel
  it("does not keep a connection from closing, nor a call on it from ending", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await bridge.stall();
    const connection = shared.connect({ endpoints: bridge.endpoint, dialTimeoutMs: 10_000 });
    const calling = rejection(() => createKv(connection).get("any"));
    await bridge.connected(1);
    const startMs = performance.now();
    await connection.close();
    expect((await calling).error.code).toBe("CLOSED");
    // Far below the deadline of the call and of the dial.
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });
});

// On the newest server only: the server takes no part in it.
describeNewestEtcd("waiting for an endpoint that swallows everything", (etcd) => {
  const shared = etcd.shared({ members: 2 });

  it("ends when the time is up, with DEADLINE, the endpoint and what is known of it", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await bridge.stall();
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const { error, afterMs } = await rejection(() => connection.ready({ timeoutMs: 2_000 }));
    expect(error).toMatchObject({ code: "DEADLINE", endpoint: bridge.endpoint });
    expect(error.message).toContain(bridge.endpoint);
    expect(error.message).toContain("2000 ms");
    expect(afterMs).toBeGreaterThan(1_950);
    expect(afterMs).toBeLessThan(3_500);
  });

  it("names every endpoint where there are several", async () => {
    await using bridges = await together(...shared.endpoints.map((endpoint) => openBridge(endpoint)));
    await Promise.all(bridges.all.map((bridge) => bridge.stall()));
    const endpoints = bridges.all.map((bridge) => bridge.endpoint);
    await using connection = shared.connect({ endpoints });
    const { error } = await rejection(() => createKv(connection).put("any", "value", { timeoutMs: 500 }));
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
    for (const endpoint of endpoints) expect(error.message).toContain(endpoint);
  });

  describe("with keepalive, as by default", () => {
    it("lets a read that went there end at another member in the time it has", async () => {
      const [first = "", second = ""] = shared.endpoints;
      await using bridge = await openBridge(first);
      await using connection = shared.connect({
        endpoints: [bridge.endpoint, second],
        balancing: "pick-first",
      });
      const kv = createKv(connection);
      await connection.ready();
      await expect.poll(() => [...connection.states().values()], soon).toEqual(["ready", "ready"]);
      await bridge.blackhole();
      const startMs = performance.now();
      await kv.get("any");
      // Silence of 5 s and 2 s more for the answer to a ping. After 10 s it would not have ended so.
      expect(performance.now() - startMs).toBeLessThan(9_500);
    });
  });
});
