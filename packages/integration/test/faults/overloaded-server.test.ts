import type { DescMessage } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { connect, op, outcomeOf } from "@etcdkit/core";
import { KV, Lease, Watch } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type Method, startScriptedServer } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { describe, expect, it } from "vitest";
import { rejection } from "../support/rejection.js";

const [code, text] = [Code.ResourceExhausted, "etcdserver: too many requests"] as const;

// F42. A real server says so with 5,000 proposals before it that it has not applied yet: a scripted one stands in for it.
describe("a server that has too many requests", () => {
  it("is not asked again by calls, which say that nothing was done, however many they are", async () => {
    await using server = await startScriptedServer();
    await using connection = connect({ endpoints: server.endpoint });
    const [kv, leases] = [createKv(connection), createLeases(connection)];
    const calls: readonly {
      readonly name: string;
      readonly method: Method<DescMessage, DescMessage>;
      run(): Promise<unknown>;
      readonly outcome: "not-applied" | undefined;
    }[] = [
      { name: "get", method: KV.method.range, run: () => kv.get("key"), outcome: undefined },
      { name: "put", method: KV.method.put, run: () => kv.put("key", "value"), outcome: "not-applied" },
      {
        name: "idempotent put",
        method: KV.method.put,
        run: () => kv.put("key", "value", { idempotent: true }),
        outcome: "not-applied",
      },
      {
        name: "txn",
        method: KV.method.txn,
        run: () => kv.txn({ success: [op.put("key", "value")] }),
        outcome: "not-applied",
      },
      {
        name: "grant",
        method: Lease.method.leaseGrant,
        run: () => leases.grant(10),
        outcome: "not-applied",
      },
    ];
    const callers = 50;
    for (const { name, method, run, outcome } of calls) {
      const before = server.callsOf(method).length;
      server.on(method, (call) => call.fail(code, text));
      const ends = await Promise.all(Array.from({ length: callers }, () => rejection(run)));
      for (const { error } of ends) {
        expect([error.code, outcomeOf(error)], name).toEqual(["TOO_MANY_REQUESTS", outcome]);
      }
      expect(server.callsOf(method).length - before, name).toBe(callers);
    }
  });

  it("is asked again by a watch after ever longer pauses, and by a lease at its pace", async () => {
    await using server = await startScriptedServer();
    await using connection = connect({ endpoints: server.endpoint });
    const refused = 4;
    const streams: readonly Method<DescMessage, DescMessage>[] = [
      Watch.method.watch,
      Lease.method.leaseKeepAlive,
    ];
    for (const method of streams) {
      for (let i = 0; i < refused; i++) server.once(method, (call) => call.fail(code, text));
    }
    const leases = createLeases(connection);
    const held = leases.keepAlive((await leases.grant(60)).id);
    await createWatcher(connection).watch("key").created;
    await held[Symbol.asyncIterator]().next();
    expect(server.callsOf(Watch.method.watch)).toHaveLength(refused + 1);
    expect(server.callsOf(Lease.method.leaseKeepAlive).length).toBeLessThanOrEqual(refused + 1);
    expect(held.isHeld()).toBe(true);
  });
});
