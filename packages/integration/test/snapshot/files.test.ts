import { mkdtemp, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKv } from "@etcdkit/kv";
import { createMaintenance } from "@etcdkit/maintenance";
import { type SnapshotProgress, saveSnapshot, snapshotStatus } from "@etcdkit/snapshot";
import { compareVersions, openBridge } from "@etcdkit/testing";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { etcdctls, runEtcdctl } from "../support/etcdctl.js";

/** etcd's own tool, which some packages bring along with the server, and the version that it is of. */
const tool = etcdctls.find(({ version }) => compareVersions(version, "3.6") < 0);

// The cases follow one another: the first one saves the file.
describeEachEtcd("a snapshot file", (etcd) => {
  const shared = etcd.shared();
  let folder = "";
  let file = "";
  let storageVersion: string | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "etcdkit-"));
    file = join(folder, "snapshot.db");
    await using connection = shared.connect();
    const kv = createKv(connection);
    // Enough for a tree of several levels, with deletions, a compaction and values that need pages of their own.
    for (let i = 0; i < 1_000; i++) await kv.put(`key/${i % 700}`, "x".repeat(i));
    const { header } = await kv.delete({ prefix: "key/6" });
    await kv.compact(header.revision - 300n, { physical: true });
    await kv.put("large", new Uint8Array(1_000_000).fill(7));
    // Members tell it once the cluster has settled on a version.
    const [endpoint = ""] = shared.endpoints;
    const told = async (): Promise<boolean> => {
      storageVersion = (await createMaintenance(connection).status(endpoint)).storageVersion;
      return (storageVersion !== undefined) === etcd.has("maintenance-details");
    };
    await vi.waitUntil(told, { timeout: 20_000 });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  // snapshot/v3_snapshot_test.go:TestSaveSnapshotFilePermissions, TestSaveSnapshotVersion,
  // e2e/ctl_v3_snapshot_test.go:TestCtlV3Snapshot, TestCtlV3SnapshotVersion
  it("is saved for its owner alone, with the version of the database", async () => {
    await using connection = shared.connect();
    const progress: SnapshotProgress[] = [];
    const saved = await saveSnapshot(createMaintenance(connection), file, {
      endpoint: shared.endpoints[0],
      onProgress: (each) => progress.push(each),
    });
    expect(saved.version).toBe(storageVersion);
    const { mode, size } = await stat(file);
    expect(mode & 0o777).toBe(0o600);
    expect(size).toBe(saved.sizeBytes);
    expect((await readFile(file)).subarray(-32)).toEqual(Buffer.from(saved.digest));
    expect(await readdir(folder)).toEqual(["snapshot.db"]);
    expect(progress.at(-1)).toEqual({ receivedBytes: size, sizeBytes: size });
    expect(progress.length).toBeGreaterThan(2);
    const steps = progress.map(({ receivedBytes }) => receivedBytes);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  it("holds the revision and the keys that the member had", async () => {
    await using connection = shared.connect();
    const { header, dbSizeBytes } = await createMaintenance(connection).status(shared.endpoints[0] ?? "");
    const status = await snapshotStatus(file);
    expect(status.revision).toBe(header.revision);
    expect(status.totalSizeBytes).toBeLessThanOrEqual(dbSizeBytes);
    const { count } = await createKv(connection).range({ prefix: "" }, { countOnly: true });
    expect(status).toMatchObject({ totalKeys: count, digest: "verified" });
    expect(count).toBeGreaterThan(500);
    expect(status.version).toBe(storageVersion);
  });

  // e2e/ctl_v3_snapshot_test.go:TestCtlV3SnapshotStatusBeforeRestore
  if (tool !== undefined) {
    it(`has the figures that etcdctl ${tool.version} tells of it`, async () => {
      const before = await readFile(file);
      const { hash, revision = 0n, totalRecords, totalSizeBytes } = await snapshotStatus(file);
      expect((await readFile(file)).equals(before)).toBe(true);
      const args = ["snapshot", "status", file, "--write-out", "json"];
      const stdout = await runEtcdctl(tool, args);
      expect({
        hash,
        revision: Number(revision),
        totalKey: totalRecords,
        totalSize: totalSizeBytes,
      }).toEqual(JSON.parse(stdout));
    });
  }

  // integration/snapshot/v3_snapshot_test.go:TestSnapshotV3RestoreSingle. The tool reads the databases of its own time.
  if (tool !== undefined && !etcd.has("maintenance-details")) {
    it(`is restored by etcdctl ${tool.version} into a cluster that holds the keys`, async () => {
      const data = join(folder, "data");
      const restore = ["snapshot", "restore", file, "--data-dir", data];
      await runEtcdctl(tool, restore);
      const name = ["--name", "default", "--initial-cluster", "default=http://localhost:2380"];
      await using restored = await etcd.start({ dataDirectory: data, args: name });
      await using connection = shared.connect({ endpoints: restored.endpoints });
      await using original = shared.connect();
      const all = { prefix: "" };
      const [there, here] = [await createKv(connection).range(all), await createKv(original).range(all)];
      expect(there.kvs).toEqual(here.kvs);
      expect(there.kvs.length).toBeGreaterThan(500);
    });
  }

  it("is as good as the database of the member that was stopped", async () => {
    await using cluster = await etcd.start();
    await using connection = shared.connect({ endpoints: cluster.endpoints });
    const kv = createKv(connection);
    for (let i = 0; i < 50; i++) await kv.put(`key/${i}`, `${i}`);
    const saved = join(folder, "of-another.db");
    await saveSnapshot(createMaintenance(connection), saved);
    const [member] = cluster.members;
    await member?.stop();
    const snapshot = await snapshotStatus(saved);
    const database = await snapshotStatus(join(member?.dataDirectory ?? "", "member/snap/db"));
    expect(database).toMatchObject({ digest: "absent", revision: 51n, totalKeys: 50 });
    expect(snapshot).toMatchObject({ digest: "verified", revision: 51n, totalKeys: 50 });
  });

  // e2e/ctl_v3_snapshot_test.go:TestCtlV3SnapshotCorrupt
  it("is told from one in which a byte was changed, or that was cut off", async () => {
    const bytes = await readFile(file);
    const corrupt = join(folder, "corrupt.db");
    for (const place of [0, 4_096, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const handle = await open(corrupt, "w");
      const changed = Buffer.from(bytes);
      changed[place] = (changed[place] ?? 0) ^ 1;
      await handle.writeFile(changed);
      await handle.close();
      await expect(snapshotStatus(corrupt)).rejects.toMatchObject({ code: "DATA_LOSS" });
    }
    const handle = await open(corrupt, "w");
    await handle.writeFile(bytes.subarray(0, -512));
    await handle.close();
    await expect(snapshotStatus(corrupt)).rejects.toMatchObject({ code: "DATA_LOSS" });
    await rm(corrupt);
  });

  it("does not come to be when the link breaks, the caller aborts or time is up", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    const maintenance = createMaintenance(connection);
    await connection.ready();
    const target = join(folder, "never.db");
    const before = await readdir(folder);

    const cut = bridge.cutAfter(500_000, "toClient");
    await expect(saveSnapshot(maintenance, target)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await cut;

    const caller = new AbortController();
    const reason = new Error("changed my mind");
    const onProgress = (): void => caller.abort(reason);
    const aborted = saveSnapshot(maintenance, target, { signal: caller.signal, onProgress });
    await expect(aborted).rejects.toBe(reason);

    await bridge.blackhole("toClient");
    const late = saveSnapshot(maintenance, target, { timeoutMs: 300 });
    await expect(late).rejects.toMatchObject({ code: "DEADLINE" });
    expect(await readdir(folder)).toEqual(before);
  });
});
