import { connect, type KeyValue, op, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { decodeCheckpoint, encodeCheckpoint, type MirrorBatch, mirror, mirrorTo } from "@etcdkit/mirror";
import { namespaceKv, withNamespace } from "@etcdkit/namespace";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { authOf } from "../auth/users.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { type Ground, onGround, pairsOf, RunningMirror } from "./ground.js";

describeEachEtcd("a mirror", (etcd) => {
  const from = etcd.shared();
  const to = etcd.shared();
  const on = (run: (ground: Ground) => Promise<void>): Promise<void> => onGround({ from, to }, run);

  // mirror_test.go:TestMirrorSync
  it("delivers what there is, and the next write one revision later", () =>
    on(async ({ source, prefix }) => {
      const { header } = await source.kv.put(`${prefix}foo`, "bar");
      const batches = mirror(source, { prefix })[Symbol.asyncIterator]();
      const base = await next(batches);
      expect(base).toMatchObject({ kind: "base", first: true, last: true, revision: header.revision });
      expect(base.kind === "base" && base.kvs.map(told)).toEqual([`${prefix}foo=bar`]);
      await source.kv.put(`${prefix}foo`, "baz");
      const updates = await next(batches);
      expect(updates).toMatchObject({ kind: "updates", revision: header.revision + 1n });
      expect(updates.kind === "updates" && updates.events.map(({ kv }) => kv && told(kv))).toEqual([
        `${prefix}foo=baz`,
      ]);
      await batches.return?.();
    }));

  // mirror_test.go:TestMirrorSyncBase
  it("delivers 2000 keys in pages, in order, all of one revision", () =>
    on(async ({ source, prefix }) => {
      const keys = Array.from({ length: 2000 }, (_, i) => `${prefix}test${`${i}`.padStart(4, "0")}`);
      for (let i = 0; i < keys.length; i += 100) {
        await source.kv.txn({ success: keys.slice(i, i + 100).map((key) => op.put(key, "value")) });
      }
      const seen: string[] = [];
      const revisions = new Set<bigint>();
      let pages = 0;
      for await (const batch of mirror(source, { prefix })) {
        if (batch.kind !== "base") throw new Error(`${batch.kind} before the end of the base`);
        expect(batch.first).toBe(pages === 0);
        pages += 1;
        revisions.add(batch.revision);
        seen.push(...batch.kvs.map(({ key }) => utf8(key)));
        // What comes during the base is no part of it.
        await source.kv.put(`${prefix}test9999`, `${pages}`);
        if (batch.last) break;
      }
      expect(seen).toEqual(keys);
      expect(revisions.size).toBe(1);
      expect(pages).toBeGreaterThan(1);
    }));

  it("begins with an empty page where there are no keys", () =>
    on(async ({ source, prefix }) => {
      for await (const batch of mirror(source, { prefix })) {
        expect(batch).toMatchObject({ kind: "base", kvs: [], first: true, last: true });
        expect(batch.checkpoint).toMatchObject({ revision: batch.revision });
        break;
      }
    }));

  it("goes on from a checkpoint that was kept as bytes, with whole revisions and nothing twice", () =>
    on(async ({ source, prefix }) => {
      await source.kv.put(`${prefix}a`, "1");
      const first = mirror(source, { prefix })[Symbol.asyncIterator]();
      expect((await next(first)).kind).toBe("base");
      await source.kv.put(`${prefix}a`, "2");
      const { checkpoint } = await next(first);
      await first.return?.();
      if (checkpoint === undefined) throw new Error("an update without a checkpoint");

      await source.kv.txn({ success: [op.put(`${prefix}b`, "3"), op.delete(`${prefix}a`)] });
      await source.kv.put(`${prefix}c`, "4");
      const second = mirror(source, { prefix, from: decodeCheckpoint(encodeCheckpoint(checkpoint)) });
      const sizes: number[] = [];
      for await (const batch of second) {
        if (batch.kind !== "updates") throw new Error(`${batch.kind} in place of updates`);
        expect(batch.revision).toBe(checkpoint.revision + BigInt(sizes.length) + 1n);
        sizes.push(batch.events.length);
        if (sizes.length === 2) break;
      }
      expect(sizes).toEqual([2, 1]);
    }));

  // e2e/ctl_v3_make_mirror_test.go:TestCtlV3MakeMirror
  it("copies to the same prefix", () =>
    on(async (ground) => {
      const { source, destination, prefix } = ground;
      const options = { ...ground.options, destinationPrefix: prefix };
      for (const i of [1, 2, 3]) await source.kv.put(`${prefix}key${i}`, `val${i}`);
      await using running = new RunningMirror({ ...ground, options });
      await running.until((one) => one.kind === "base" && one.done);
      const { header } = await source.kv.put(`${prefix}key4`, "val4");
      await running.reached(header.revision);
      const pairs = { key1: "val1", key2: "val2", key3: "val3", key4: "val4" };
      expect(await pairsOf(destination.kv, prefix)).toEqual(pairs);
    }));

  // e2e/ctl_v3_make_mirror_test.go:TestCtlV3MakeMirrorModifyDestPrefix
  it("copies to another prefix, which takes the place of the first once", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      // The prefix again in the middle of a key stays what it is.
      await source.kv.put(`${prefix}o_${prefix}`, "val");
      await source.kv.put(`${prefix}gone`, "val");
      await using running = new RunningMirror(ground);
      await running.until((one) => one.kind === "base" && one.done);
      const { header } = await source.kv.delete(`${prefix}gone`);
      await running.reached(header.revision);
      expect(await pairsOf(destination.kv, options.destinationPrefix)).toEqual({ [`o_${prefix}`]: "val" });
    }));

  // e2e/ctl_v3_make_mirror_test.go:TestCtlV3MakeMirrorNoDestPrefix
  it("copies to no prefix at all", () =>
    on(async (ground) => {
      const { source, prefix } = ground;
      await using cluster = await etcd.start();
      await using connection = from.connect({ endpoints: cluster.endpoints });
      const kv = createKv(connection);
      for (const i of [1, 2, 3]) await source.kv.put(`${prefix}key${i}`, `val${i}`);
      const options = { ...ground.options, destinationPrefix: "", checkpointKey: "a/checkpoint" };
      await using running = new RunningMirror({ source, destination: { kv }, options });
      await running.until((one) => one.kind === "base" && one.done);
      const { header } = await source.kv.put(`${prefix}key4`, "val4");
      await running.reached(header.revision);
      const { "a/checkpoint": checkpoint, ...pairs } = await pairsOf(kv, "");
      expect(pairs).toEqual({ key1: "val1", key2: "val2", key3: "val3", key4: "val4" });
      expect(JSON.parse(checkpoint ?? "")).toMatchObject({ phase: "updates" });
    }));

  it("copies a whole cluster, and the key of its own checkpoint excepted", async () => {
    await using old = await etcd.start();
    await using fresh = await etcd.start();
    await using connection = from.connect({ endpoints: old.endpoints });
    await using other = to.connect({ endpoints: fresh.endpoints });
    await using watcher = createWatcher(connection);
    const [kv, copy] = [createKv(connection), createKv(other)];
    await kv.put("a", "1");
    await kv.put("checkpoint", "of somebody else");
    await kv.put("z", "1");
    const options = { prefix: "", destinationPrefix: "", checkpointKey: "checkpoint" };
    await using running = new RunningMirror({ source: { kv, watcher }, destination: { kv: copy }, options });
    await running.until((one) => one.kind === "base" && one.done);
    await kv.put("checkpoint", "again");
    await kv.delete("a");
    const { header } = await kv.put("b", "2");
    await running.reached(header.revision);
    const { checkpoint, ...pairs } = await pairsOf(copy, "");
    expect(pairs).toEqual({ b: "2", z: "1" });
    expect(JSON.parse(checkpoint ?? "")).toMatchObject({ mirror: 1, phase: "updates" });
  });

  // e2e/ctl_v3_make_mirror_test.go:TestCtlV3MakeMirrorWithWatchRev, etcd issue 13519
  it("begins at a start revision, without what was there before", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      await source.kv.put(`${prefix}key1`, "old");
      const { header } = await source.kv.put(`${prefix}key2`, "at the start");
      const last = await source.kv.put(`${prefix}key3`, "after");
      await using running = new RunningMirror({
        ...ground,
        options: { ...options, startRevision: header.revision },
      });
      await running.reached(last.header.revision);
      expect(await pairsOf(destination.kv, options.destinationPrefix)).toEqual({
        key2: "at the start",
        key3: "after",
      });
      expect(running.progress.every(({ kind }) => kind !== "base")).toBe(true);
    }));

  // etcd issue 14340; etcdctl's make-mirror splits such a revision at --max-txn-ops
  it("applies a revision of a thousand keys as one transaction, and a larger one in parts", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      const keys = Array.from({ length: 1000 }, (_, i) => `${prefix}${`${i}`.padStart(4, "0")}`);
      for (let i = 0; i < keys.length; i += 100) {
        await source.kv.txn({ success: keys.slice(i, i + 100).map((key) => op.put(key, "value")) });
      }
      await using running = new RunningMirror(ground);
      await running.until((one) => one.kind === "base" && one.done);
      const before = await destination.kv.range({ prefix: options.destinationPrefix }, { countOnly: true });
      expect(before.count).toBe(1000);
      const { header } = await source.kv.delete({ prefix });
      await running.reached(header.revision);
      const after = await destination.kv.range({ prefix: options.destinationPrefix }, { countOnly: true });
      expect(after.count).toBe(0);
      expect(after.header.revision).toBe(before.header.revision + 1n);
      await running.stop();

      // Four operations leave room for the checkpoint and three writes; a revision of seven takes three transactions.
      await using small = new RunningMirror({ ...ground, options: { ...options, maxTxnOps: 4 } });
      const some = keys.slice(0, 7);
      const wrote = await source.kv.txn({ success: some.map((key) => op.put(key, "again")) });
      await small.reached(wrote.header.revision);
      const found = await destination.kv.range({ prefix: options.destinationPrefix });
      expect(found.kvs).toHaveLength(7);
      expect(new Set(found.kvs.map(({ modRevision }) => modRevision)).size).toBe(3);
    }));

  it("leaves leases behind, and deletes what they delete", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      await using connection = from.connect();

      await using leases = createLeases(connection);
      const { id } = await leases.grant(600);
      await source.kv.put(`${prefix}leased`, "1", { leaseId: id });
      await using running = new RunningMirror(ground);
      await running.until((one) => one.kind === "base" && one.done);
      expect(await destination.kv.get(`${options.destinationPrefix}leased`)).toMatchObject({ lease: 0n });
      const { header } = await leases.revoke(id);
      await running.reached(header.revision);
      expect(await pairsOf(destination.kv, options.destinationPrefix)).toEqual({});
    }));

  it("mirrors from one namespace into another", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      const inside = withNamespace(source, prefix);
      const there = { kv: namespaceKv(destination.kv, ground.destinationRoot) };
      await inside.kv.put("a", "1");
      const own = { prefix: "", destinationPrefix: "keys/", checkpointKey: "checkpoint" };
      await using running = new RunningMirror({ source: inside, destination: there, options: own });
      await running.until((one) => one.kind === "base" && one.done);
      const { header } = await source.kv.put(`${prefix}b`, "2");
      await running.reached(header.revision);
      expect(await pairsOf(destination.kv, options.destinationPrefix)).toEqual({ a: "1", b: "2" });
      // Going on from the checkpoint reads the witness, in the namespace as well.
      await running.stop();
      await using again = new RunningMirror({ source: inside, destination: there, options: own });
      const later = await inside.kv.delete("a");
      await again.reached(later.header.revision);
      expect(await pairsOf(destination.kv, options.destinationPrefix)).toEqual({ b: "2" });
      expect(() => mirror({ kv: source.kv, watcher: inside.watcher }, { prefix: "" })).toThrow(
        /one namespace/,
      );
    }));

  it("refuses a destination that has keys already, unless told what to do with them", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      await source.kv.put(`${prefix}b`, "new");
      const own = options.destinationPrefix;
      for (const key of ["a", "b", "c"]) await destination.kv.put(`${own}${key}`, "old");
      await using refused = new RunningMirror(ground);
      expect(await refused.end()).toMatchObject({ code: "FAILED_PRECONDITION", outcome: "not-applied" });
      expect(await pairsOf(destination.kv, ground.destinationRoot)).toEqual({
        "keys/a": "old",
        "keys/b": "old",
        "keys/c": "old",
      });

      await using keeping = new RunningMirror({ ...ground, options: { ...options, deleteExtra: false } });
      await keeping.until((one) => one.kind === "base" && one.done);
      expect(await pairsOf(destination.kv, own)).toEqual({ a: "old", b: "new", c: "old" });
      await keeping.stop();

      await destination.kv.delete(`${ground.destinationRoot}checkpoint`);
      await using deleting = new RunningMirror({ ...ground, options: { ...options, deleteExtra: true } });
      await deleting.until((one) => one.kind === "base" && one.done);
      expect(await pairsOf(destination.kv, own)).toEqual({ b: "new" });
      // What was equal was not written again.
      expect(deleting.progress.at(-1)).toMatchObject({ totals: { puts: 0, deletes: 2 } });
    }));

  it("started a second time takes over from the first, which ends with NOT_HOLDER", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      await using first = new RunningMirror(ground);
      await first.until((one) => one.kind === "base" && one.done);
      await using second = new RunningMirror(ground);
      await second.until((one) => one.kind === "resumed");
      const { header } = await source.kv.put(`${prefix}a`, "1");
      await second.reached(header.revision);
      expect(await first.end()).toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
      expect(await pairsOf(destination.kv, options.destinationPrefix)).toEqual({ a: "1" });
    }));

  it("refuses the checkpoint of other keys, and what is no checkpoint", () =>
    on(async (ground) => {
      const { source, destination, prefix, options } = ground;
      await using running = new RunningMirror(ground);
      await running.until((one) => one.kind === "base" && one.done);
      await running.stop();
      const other = { ...options, prefix: `${prefix}other/` };
      const begun = mirrorTo(source, destination, other)[Symbol.asyncIterator]();
      await expect(begun.next()).rejects.toThrow(RangeError);

      await destination.kv.put(`${ground.destinationRoot}checkpoint`, "something of somebody");
      const foreign = mirrorTo(source, destination, options)[Symbol.asyncIterator]();
      await expect(foreign.next()).rejects.toThrow(TypeError);
    }));
});

describeEachEtcd("a mirror of a cluster with users", (etcd) => {
  // mirror_auth_test.go:TestMirrorSync_Authenticated
  it("needs a right to its own prefix only", async () => {
    await using cluster = await etcd.start({ auth: "simple" });
    await using destination = await etcd.start();
    const { root } = cluster.auth ?? {};
    if (root === undefined) throw new Error("a cluster without users");

    await using admin = connect({
      endpoints: cluster.endpoints,
      credentials: { username: root.name, password: root.password },
    });
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const auth = authOf(admin);
    await auth.userAdd({ name: "user", password: "123" });
    await auth.roleAdd({ name: "syncer" });
    const perm = { permType: 2, key: bytes("/syncpath"), rangeEnd: bytes("/syncpati") };
    await auth.roleGrantPermission({ name: "syncer", perm });
    await auth.userGrantRole({ user: "user", role: "syncer" });
    await createKv(admin).put("/secret", "1");
    await createKv(admin).put("/syncpath/a", "1");

    await using limited = connect({
      endpoints: cluster.endpoints,
      credentials: { username: "user", password: "123" },
    });
    await using plain = connect({ endpoints: destination.endpoints });
    await using watcher = createWatcher(limited);
    const kv = createKv(limited);
    const ground = {
      source: { kv, watcher },
      destination: { kv: createKv(plain) },
      options: { prefix: "/syncpath", destinationPrefix: "/copy", checkpointKey: "checkpoint" },
    };
    for (const value of ["2", "3"]) {
      // The second run goes on from the checkpoint, which is compared with the source.
      await using running = new RunningMirror(ground);
      const { header } = await kv.put("/syncpath/a", value);
      await running.reached(header.revision);
      expect(await pairsOf(ground.destination.kv, "/copy")).toEqual({ "/a": value });
    }
    const all = mirror(ground.source, { prefix: "/" })[Symbol.asyncIterator]();
    await expect(all.next()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

async function next(batches: AsyncIterator<MirrorBatch>): Promise<MirrorBatch> {
  const step = await batches.next();
  if (step.done === true) throw new Error("the mirror has ended");
  return step.value;
}

function told({ key, value }: KeyValue): string {
  return `${utf8(key)}=${utf8(value)}`;
}
