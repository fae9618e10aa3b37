import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isKeepAliveHalted } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { describe, expect, it, vi } from "vitest";
import { endsWithinMs, runProgram } from "../support/child.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { expired } from "./expiry.js";

// Each case has a link, a connection and leases of its own and mostly waits: all at once.
describeEachEtcd("the holder of a lease", (etcd) => {
  const shared = etcd.shared();

  // F62; lease_test.go:TestLeaseKeepAliveTTLTimeout, TestLeaseKeepAliveCloseAfterDisconnectRevoke
  describe("learns that it is lost before the server lets it expire, when the link", () => {
    it.concurrent.each<[string, (bridge: Bridge) => Promise<void>]>([
      ["falls silent", (bridge) => bridge.blackhole()],
      ["loses the answers only", (bridge) => bridge.blackhole("toClient")],
      [
        "breaks and is not restored",
        async (bridge) => {
          await bridge.refuse();
          bridge.cut();
        },
      ],
    ])("%s", async (_, hurt) => {
      await using bridge = await openBridge(shared.endpoints[0] ?? "");
      await using connection = shared.connect({ endpoints: bridge.endpoint });
      await using direct = shared.connect();
      const key = uniqueKey();
      const leases = createLeases(connection);
      const witness = createLeases(direct);
      const { id, ttlSeconds } = await leases.grant(4);
      await createKv(direct).put(key, "held", { leaseId: id });
      const keepAlive = leases.keepAlive(id);
      const renewals = keepAlive[Symbol.asyncIterator]();
      await renewals.next();
      await renewals.next();

      const aborted = once(keepAlive.signal, "abort").then(() => performance.now());
      await hurt(bridge);
      const brokenMs = performance.now();
      const goneMs = await expired(witness, id);
      const abortedMs = await aborted;
      expect(isKeepAliveHalted(keepAlive.signal.reason, "deadline")).toBe(true);
      expect(keepAlive.isHeld()).toBe(false);
      expect(abortedMs).toBeLessThan(goneMs);
      // Nor is it given up any sooner than needed.
      expect(abortedMs - brokenMs).toBeGreaterThan(((ttlSeconds * 1_000) / 2) * 0.95);
      // `expect.poll` knows of no test where several run at once.
      await vi.waitFor(async () => expect(await createKv(direct).get(key)).toBeUndefined(), {
        timeout: 20_000,
      });
      console.info(
        `lease loss (etcd ${etcd.version}): told ${Math.round(goneMs - abortedMs)} ms before the server let it expire`,
      );
    });
  });

  // lease_test.go:TestLeaseKeepAliveCloseAfterDisconnectRevoke
  it.concurrent("learns of a revocation while it was cut off as soon as it is back", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    await using direct = shared.connect();
    const leases = createLeases(connection);
    const { id } = await leases.grant(20);
    const keepAlive = leases.keepAlive(id);
    await keepAlive[Symbol.asyncIterator]().next();
    await bridge.refuse();
    bridge.cut();
    await createLeases(direct).revoke(id);
    expect(keepAlive.signal.aborted).toBe(false);
    await bridge.pass();
    await once(keepAlive.signal, "abort");
    expect(isKeepAliveHalted(keepAlive.signal.reason, "expired")).toBe(true);
  });

  // lease_test.go:TestLeaseKeepAliveHandleFailure
  it.concurrent("keeps it through a cut that is shorter than its time to live", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    await using direct = shared.connect();
    const leases = createLeases(connection);
    const { id } = await leases.grant(12);
    const keepAlive = leases.keepAlive(id);
    const renewals = keepAlive[Symbol.asyncIterator]();
    await renewals.next();
    for (let cut = 0; cut < 3; cut++) {
      await bridge.refuse();
      bridge.cut();
      await delay(1_000);
      await bridge.pass();
      await renewals.next();
      expect(keepAlive.isHeld()).toBe(true);
    }
    expect((await createLeases(direct).timeToLive(id))?.ttlSeconds).toBeGreaterThanOrEqual(8);
    await leases.close();
  });

  // lease_test.go:TestLeaseKeepAliveFullResponseQueue
  it.concurrent("has it renewed at the same pace, and no more often, when it reads nothing", async () => {
    await using connection = shared.connect();
    await using leases = createLeases(connection);
    const { id, ttlSeconds } = await leases.grant(9);
    const keepAlive = leases.keepAlive(id);
    await vi.waitFor(() => expect(keepAlive.isHeld()).toBe(true), { timeout: 10_000 });
    for (let check = 0; check < 15; check++) {
      await delay(500);
      expect((await leases.timeToLive(id))?.ttlSeconds).toBeGreaterThanOrEqual(4);
      // A third of it after the last renewal, less what an answer takes on a busy machine; at half of it there would be less.
      expect(keepAlive.remainingMs()).toBeGreaterThan(ttlSeconds * 1_000 * (0.95 - 1 / 2));
    }
  });

  // lease_test.go:TestLeaseKeepAliveInitTimeout
  it.concurrent("never holds it while there is no server", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const leases = createLeases(connection);
    const { id } = await leases.grant(60);
    await bridge.refuse();
    bridge.cut();
    const keepAlive = leases.keepAlive(id);
    expect(keepAlive.isHeld()).toBe(false);
    await expect(Array.fromAsync(keepAlive)).rejects.toMatchObject({
      code: "KEEPALIVE_HALTED",
      reason: "deadline",
      cause: expect.anything(),
    });
  });
});

// On the newest server only: how a process gets over a stall is the client's doing.
describeNewestEtcd("a process that holds a lease", (etcd) => {
  const shared = etcd.shared();
  const program = new URL("./programs/stalled.mjs", import.meta.url);
  const lost = { held: false, remainingMs: 0, aborted: true, reason: "deadline" };

  // F63
  it("knows at the first instruction after a stall of ten seconds that it is lost, and hears it within one turn", async () => {
    const end = await runProgram(program, [shared.endpoints.join(), "busy", "10000"]);
    expect(end.errors).toBe("");
    expect(JSON.parse(end.output)).toEqual(lost);
    expect(end.exitCode).toBe(0);
  });

  // F63
  it("still holds it after a stall that was shorter than the rest of its time", async () => {
    const end = await runProgram(program, [shared.endpoints.join(), "busy", "2000"]);
    expect(end.errors).toBe("");
    expect(JSON.parse(end.output)).toEqual({ held: true, remainingMs: expect.any(Number), aborted: false });
  });

  it("runs for as long as it keeps the lease alive, and ends by itself when it does so no longer", async () => {
    const end = await runProgram(new URL("./programs/holding.mjs", import.meta.url), [
      shared.endpoints.join(),
    ]);
    expect(end.errors).toBe("");
    expect(end.output).toBe("held\nstill held: true\n");
    expect(end.exitCode).toBe(0);
    expect(end.lingeredMs).toBeLessThan(endsWithinMs);
  });

  // F64
  it("knows at the first instruction after it was stopped that it is lost, and hears it within one turn", async () => {
    await using direct = shared.connect();
    const end = await runProgram(program, [shared.endpoints.join(), "stopped", "7000"], async (state) => {
      const [pid = Number.NaN, id = 0] = state.split(" ");
      process.kill(Number(pid), "SIGSTOP");
      await expired(createLeases(direct), BigInt(id));
      process.kill(Number(pid), "SIGCONT");
    });
    expect(end.errors).toBe("");
    expect(JSON.parse(end.output)).toEqual(lost);
    expect(end.exitCode).toBe(0);
  });
});
