import { op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { linkIsDown } from "../support/link-is-down.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("a call to a member that breaks", (etcd) => {
  const shared = etcd.shared();

  // kv_test.go:TestKVPutAtMostOnce
  it("puts at most once while the link is cut again and again", async () => {
    const key = uniqueKey();
    await using direct = shared.connect();
    const truth = createKv(direct);
    await truth.put(key, "first");
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const kv = createKv(connection);
    const cutting = setInterval(() => bridge.cut(), 3);
    let resolved = 0;
    let possible = 0;
    try {
      for (let i = 0; i < 10; i++) {
        try {
          await kv.put(key, `put ${i}`, { timeoutMs: 500 });
          resolved++;
        } catch (error) {
          if ((await rejection(() => Promise.reject(error))).error.outcome === "unknown") possible++;
        }
      }
    } finally {
      clearInterval(cutting);
    }
    const applied = Number((await truth.get(key))?.version ?? 0n) - 1;
    expect(applied).toBeGreaterThanOrEqual(resolved);
    expect(applied).toBeLessThanOrEqual(resolved + possible);
    expect(resolved + possible).toBeLessThanOrEqual(10);
  });

  // kv_test.go:TestKVGetRetry
  it("is a read that waits for the member to come back", async () => {
    const [member] = shared.cluster.members;
    await using connection = shared.connect();
    const kv = createKv(connection);
    const key = uniqueKey();
    await kv.put(key, "value");
    await member?.stop();
    const reading = kv.get(key, { timeoutMs: 45_000 });
    reading.catch(() => undefined); // looked at below, once the member is back
    await member?.restart();
    expect((await reading)?.version).toBe(1n);
  });

  // kv_test.go:TestKVPutFailGetRetry
  it("is a put that is not applied, after which a read waits and finds nothing", async () => {
    const [member] = shared.cluster.members;
    await using connection = shared.connect();
    const kv = createKv(connection);
    const key = uniqueKey();
    await kv.get(key);
    await member?.stop();
    await linkIsDown(connection);
    const { error } = await rejection(() => kv.put(key, "value", { timeoutMs: 1_000 }));
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
    const reading = kv.get(key, { timeoutMs: 45_000 });
    reading.catch(() => undefined);
    await member?.restart();
    expect(await reading).toBeUndefined();
  });

  // txn_test.go:TestTxnWriteFail
  it("is a transaction that rejects in its time and is not applied", async () => {
    const [member] = shared.cluster.members;
    await using connection = shared.connect();
    const kv = createKv(connection);
    const key = uniqueKey();
    await kv.get(key);
    await member?.stop();
    try {
      await linkIsDown(connection);
      const { error, afterMs } = await rejection(() =>
        kv.txn({ success: [op.put(key, "value")] }, { timeoutMs: 500 }),
      );
      expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
      expect(afterMs).toBeLessThan(3_000); // and not in the 10 s that calls have by default
    } finally {
      await member?.restart();
    }
    expect(await kv.get(key)).toBeUndefined();
  });

  it("is a read that goes on where a write would be in doubt", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const kv = createKv(connection);
    const key = uniqueKey();
    await kv.put(key, "value");
    const lost = bridge.dropAnswersThenCut({ quietMs: 10, times: 2 });
    expect((await kv.get(key))?.version).toBe(1n);
    await lost;
  });
});
