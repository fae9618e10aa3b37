import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { createKv } from "@etcdkit/kv";
import { createMaintenance } from "@etcdkit/maintenance";
import { openBridge } from "@etcdkit/testing";
import { beforeAll, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";

describeEachEtcd("a snapshot", (etcd) => {
  const shared = etcd.shared();
  const databaseBytes = 24_000_000;

  beforeAll(async () => {
    await using connection = shared.connect();
    const kv = createKv(connection);
    // More than fits into the windows and buffers on the way.
    const value = new Uint8Array(1_000_000).fill(1);
    for (let at = 0; at < databaseBytes; at += value.length) await kv.put(`filler/${at}`, value);
  });

  // maintenance_test.go:TestMaintenanceSnapshotFromServerClient, TestMaintenanceSnapshotWithVersionVersion,
  // TestMaintenanceSnapshotContentDigest
  it("is the database and its digest, with the version of the database", async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const [endpoint = ""] = shared.endpoints;
    await expect
      .poll(async () => (await maintenance.status(endpoint)).storageVersion !== undefined, {
        timeout: 20_000,
      })
      .toBe(etcd.has("maintenance-details"));
    await using snapshot = await maintenance.snapshot({ endpoint });
    const minor = etcd.version.replace(/\.\d+$/, ".0");
    expect(snapshot.version).toBe(etcd.has("maintenance-details") ? minor : undefined);
    const bytes = Buffer.concat(await Array.fromAsync(snapshot));
    expect(bytes.length).toBe(snapshot.sizeBytes);
    expect(bytes.length % 512).toBe(32);
    expect(bytes.length).toBeGreaterThan(databaseBytes);
    const digest = createHash("sha256").update(bytes.subarray(0, -32)).digest();
    expect(bytes.subarray(-32)).toEqual(digest);
    expect(Buffer.from(snapshot.digest ?? [])).toEqual(digest);
  });

  // maintenance_test.go:TestMaintenanceSnapshotCancel, TestMaintenanceSnapshotErrorInflight,
  // TestMaintenanceSnapshotWithVersionErrorInflight
  it("ends with the caller's reason, before it is opened, before it is read and while it is", async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const reason = new Error("changed my mind");
    const aborted = maintenance.snapshot({ signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);

    for (const after of [0, 3]) {
      const caller = new AbortController();
      await using snapshot = await maintenance.snapshot({ signal: caller.signal });
      if (after === 0) caller.abort(reason);
      const read = async (): Promise<void> => {
        let chunks = 0;
        for await (const _ of snapshot) {
          chunks += 1;
          if (chunks === after) caller.abort(reason);
        }
      };
      await expect(read()).rejects.toBe(reason);
      expect(snapshot.receivedBytes).toBeLessThan(snapshot.sizeBytes);
      expect(snapshot.digest).toBeUndefined();
    }
  });

  // maintenance_test.go:TestMaintenanceSnapshotTimeout, TestMaintenanceSnapshotWithVersionTimeout
  it("has no more time than it is given, as a whole", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const maintenance = createMaintenance(connection);
    await connection.ready();
    await using slow = await maintenance.snapshot({ timeoutMs: 4_000 });
    const read = async (): Promise<void> => {
      for await (const _ of slow) await bridge.blackhole("toClient");
    };
    await expect(read()).rejects.toMatchObject({ code: "DEADLINE" });
    expect(slow.digest).toBeUndefined();
    await expect(maintenance.snapshot({ timeoutMs: 200 })).rejects.toMatchObject({ code: "DEADLINE" });
  });

  it("throws when the link breaks midway: it never looks complete", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const maintenance = createMaintenance(connection);
    const cut = bridge.cutAfter(databaseBytes / 2, "toClient");
    await using snapshot = await maintenance.snapshot();
    const reading = Array.fromAsync(snapshot);
    await expect(reading).rejects.toMatchObject({ code: "UNAVAILABLE", endpoint: bridge.endpoint });
    await cut;
    expect(snapshot.receivedBytes).toBeLessThan(databaseBytes / 2);
  });

  it("waits at the member for a slow reader, and ends there with the loop", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const maintenance = createMaintenance(connection);
    for await (const chunk of await maintenance.snapshot()) {
      expect(chunk.length).toBeGreaterThan(0);
      // Until nothing more comes: what is on its way, and in the buffers of two sockets.
      for (let before = -1; before !== bridge.forwarded("toClient"); await delay(300)) {
        before = bridge.forwarded("toClient");
      }
      expect(bridge.forwarded("toClient")).toBeLessThan(databaseBytes / 2);
      break;
    }
    // The connection is as good as before.
    await maintenance.status(bridge.endpoint);
    const { header } = await createKv(connection).range("any");
    expect(header.revision).toBeGreaterThan(1n);
    for (let before = -1; before !== bridge.forwarded("toClient"); await delay(300)) {
      before = bridge.forwarded("toClient");
    }
    expect(bridge.forwarded("toClient")).toBeLessThan(databaseBytes / 2);
  });
});
