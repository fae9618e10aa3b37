import { Code } from "@connectrpc/connect";
import { connect } from "@etcdkit/core";
import { Lease } from "@etcdkit/core/protocol";
import { createLeases } from "@etcdkit/lease";
import { type ScriptedCall, startScriptedServer } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { together } from "../support/together.js";

const { leaseKeepAlive } = Lease.method;
type Renewals = ScriptedCall<typeof leaseKeepAlive.input, typeof leaseKeepAlive.output>;

/** A script that renews for so many seconds. */
function renewing(ttlSeconds: bigint): (call: Renewals) => Promise<void> {
  return async (call) => {
    for await (const { ID } of call.requests) call.send({ ID, TTL: ttlSeconds });
    call.end();
  };
}

describe("the stream of renewals", () => {
  // lease_test.go:TestLeaseWithRequireLeader
  it("is one for all leases, requires a leader, and ends with the last of them", async () => {
    await using server = await startScriptedServer();
    await using connection = connect({ endpoints: server.endpoint });
    const left = new Promise<void>((resolve) => {
      server.on(leaseKeepAlive, (call: Renewals) => {
        call.signal.addEventListener("abort", () => resolve());
        return renewing(60n)(call);
      });
    });
    const leases = createLeases(connection);
    const kept = Array.from({ length: 100 }, (_, i) => leases.keepAlive(BigInt(i + 1)));
    await expect.poll(() => kept.every((keepAlive) => keepAlive.isHeld()), { timeout: 15_000 }).toBe(true);
    expect(server.callsOf(leaseKeepAlive)).toHaveLength(1);
    expect(server.callsOf(leaseKeepAlive)[0]?.headers).toMatchObject({ hasleader: "true" });
    for (const keepAlive of kept) await keepAlive.close();
    await left;
  });

  it("has a second one beside it, to another member, when a renewal is not answered", async () => {
    await using servers = await together(startScriptedServer(), startScriptedServer());
    await using connection = connect({ endpoints: servers.all.map(({ endpoint }) => endpoint) });
    // Whoever is asked first answers once and then no more.
    let first: (typeof servers.all)[number] | undefined;
    for (const server of servers.all) {
      server.on(leaseKeepAlive, async (call: Renewals) => {
        first ??= server;
        if (server !== first) return await renewing(9n)(call);
        call.send({ ID: call.request.ID, TTL: 9n });
      });
    }
    const leases = createLeases(connection);
    const keepAlive = leases.keepAlive(7n);
    const reader = keepAlive[Symbol.asyncIterator]();
    await reader.next();
    const startMs = performance.now();
    await reader.next();
    // A third and a sixth of nine seconds, and time for a busy machine; a ninth of them later it would be repeated again.
    expect(performance.now() - startMs).toBeLessThan(4_500 + 1_500);
    expect(keepAlive.remainingMs()).toBeGreaterThan(6_000);
    expect(servers.all.map((server) => server.callsOf(leaseKeepAlive).length)).toEqual([1, 1]);
    await leases.close();
  });

  it("is opened again, whatever ends it", async () => {
    await using server = await startScriptedServer();
    await using connection = connect({ endpoints: server.endpoint });
    const ends: readonly ((call: Renewals) => unknown)[] = [
      (call) => call.fail(Code.Internal, "no"),
      (call) => call.fail(Code.Unavailable, "etcdserver: leader changed"),
      (call) => call.end(),
      (call) => call.reset(),
      (call) => call.hangUp({ reset: true }),
      (call) => call.answerHttp(503, "busy"),
    ];
    let next = 0;
    server.on(leaseKeepAlive, async (call: Renewals) => {
      const end = ends[next++];
      if (end === undefined) await renewing(60n)(call);
      else await end(call);
    });
    const leases = createLeases(connection);
    const keepAlive = leases.keepAlive(7n);
    await keepAlive[Symbol.asyncIterator]().next();
    expect(keepAlive.isHeld()).toBe(true);
    expect(server.callsOf(leaseKeepAlive)).toHaveLength(ends.length + 1);
    await leases.close();
  });
});
