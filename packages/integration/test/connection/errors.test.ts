import { connect as connectTcp } from "node:net";
import { createKv } from "@etcdkit/kv";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { linkIsDown } from "../support/link-is-down.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

/** Far below the deadline of a call, and far above what a busy machine takes for nothing. */
const atOnceMs = 2_000;

/** Nobody has dialled or sent anything since. What did would come before one who dials only now, and sends one byte. */
async function expectUntouched(bridge: Bridge, carried: number): Promise<void> {
  const late = connectTcp(bridge.port, "127.0.0.1", () => late.write("x"));
  try {
    await bridge.carried(carried + 1, "toServer");
    expect(bridge.forwarded("toServer")).toBe(carried + 1);
    expect(bridge.connections()).toBe(1);
  } finally {
    late.destroy();
  }
}

describeEachEtcd("a call that fails", (etcd) => {
  const shared = etcd.shared();

  // kv_test.go:TestKVPutError
  it("is EMPTY_KEY, not applied, for a put without a key", async () => {
    await using connection = shared.connect();
    const { error } = await rejection(() => createKv(connection).put("", "value"));
    expect(error).toMatchObject({
      code: "EMPTY_KEY",
      outcome: "not-applied",
      grpcCode: "INVALID_ARGUMENT",
      endpoint: shared.endpoints[0],
    });
  });

  // kv_test.go:TestKVPutError
  it("is REQUEST_TOO_LARGE, not applied, for a value that the server does not take", async () => {
    await using connection = shared.connect();
    const kv = createKv(connection);
    const key = uniqueKey();
    const { error } = await rejection(() => kv.put(key, new Uint8Array(1.6 * 1024 * 1024)));
    expect(error).toMatchObject({ code: "REQUEST_TOO_LARGE", outcome: "not-applied" });
    expect(await kv.get(key)).toBeUndefined();
  });

  it("is MESSAGE_TOO_LARGE, not applied, for a request over maxSendBytes; the connection goes on", async () => {
    await using connection = shared.connect();
    const kv = createKv(connection);
    const key = uniqueKey();
    const { error } = await rejection(() => kv.put(key, new Uint8Array(2.5 * 1024 * 1024)));
    expect(error).toMatchObject({ code: "MESSAGE_TOO_LARGE", outcome: "not-applied" });
    expect(await kv.get(key)).toBeUndefined();
  });

  // kv_test.go:TestKVPutError
  it("is NO_SPACE, outcome unknown, when the database has reached its quota; reads and deletes go on", async () => {
    await using cluster = await etcd.start({ args: ["--quota-backend-bytes", `${4 * 1024 * 1024}`] });
    await using connection = connectTo(cluster);
    const kv = createKv(connection);
    const value = new Uint8Array(200_000);
    const { error } = await rejection(async () => {
      for (let i = 0; i < 100; i++) await kv.put(`full/${i}`, value);
    });
    expect(error).toMatchObject({
      code: "NO_SPACE",
      outcome: "unknown",
      grpcCode: "RESOURCE_EXHAUSTED",
    });
    expect((await kv.get("full/0"))?.value.length).toBe(value.length);
    expect((await kv.delete("full/0")).deleted).toBe(1);
  });

  // kv_test.go:TestKVGetErrConnClosed
  it("is CLOSED at once on a connection that was closed, and nothing is sent", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    const connection = shared.connect({ endpoints: bridge.endpoint });
    const kv = createKv(connection);
    await kv.get("any");
    await connection.close();
    await expect.poll(() => bridge.connections(), { timeout: 15_000 }).toBe(0);
    const carried = bridge.forwarded("toServer");
    const { error, afterMs } = await rejection(() => kv.get("any"));
    expect(error.code).toBe("CLOSED");
    expect(afterMs).toBeLessThan(atOnceMs);
    expect((await rejection(() => kv.put("any", "value"))).error).toMatchObject({
      code: "CLOSED",
      outcome: "not-applied",
    });
    await expectUntouched(bridge, carried);
  });

  // kv_test.go:TestKVNewAfterClose
  it("is CLOSED for services that are made of a closed connection, and nobody is dialled", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    const connection = shared.connect({ endpoints: bridge.endpoint });
    await connection.close();
    const { error, afterMs } = await rejection(() => createKv(connection).get("any"));
    expect(error.code).toBe("CLOSED");
    expect(afterMs).toBeLessThan(atOnceMs);
    await expectUntouched(bridge, 0);
  });

  // kv_test.go:TestKVGetCancel
  it("rejects with the signal's reason when aborted before it began, and leaves the connection alone", async () => {
    await using connection = shared.connect();
    const kv = createKv(connection);
    const reason = new Error("changed my mind");
    await expect(kv.get("any", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await kv.get(uniqueKey())).toBeUndefined();
  });
});

describeEachEtcd("a call to a server that was stopped", (etcd) => {
  const shared = etcd.shared();

  // kv_test.go:TestKVGetStoppedServerAndClose, kv_test.go:TestKVPutStoppedServerAndClose
  describe.each([
    { name: "get", outcome: undefined },
    { name: "put", outcome: "not-applied" },
  ] as const)("$name", ({ name, outcome }) => {
    it("is DEADLINE with the reason and the endpoint, and the connection can be closed", async () => {
      const connection = shared.connect();
      const kv = createKv(connection);
      await kv.get("any");
      const [member] = shared.cluster.members;
      const endpoint = shared.endpoints[0] ?? "";
      await member?.stop();
      try {
        await linkIsDown(connection);
        const { error, afterMs } = await rejection(() =>
          name === "get" ? kv.get("any", { timeoutMs: 1_000 }) : kv.put("any", "value", { timeoutMs: 1_000 }),
        );
        expect(error).toMatchObject({ code: "DEADLINE", endpoint });
        expect(error.outcome).toBe(outcome);
        expect(error.message).toContain(endpoint);
        expect(error.message).toContain("ECONNREFUSED");
        expect(afterMs).toBeGreaterThan(900);
        expect(afterMs).toBeLessThan(1_000 + atOnceMs);
        const closing = performance.now();
        await connection.close();
        expect(performance.now() - closing).toBeLessThan(atOnceMs);
      } finally {
        await member?.restart();
      }
    });
  });
});
