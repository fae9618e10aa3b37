import { createKubernetesClient } from "@etcdkit/kv/kubernetes";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { bytes, names, sharedStore, textAt } from "./store.js";

// What upstream's client/v3/kubernetes promises; it has no tests of its own against servers.
describeEachEtcd("the Kubernetes client", (etcd) => {
  const store = sharedStore(etcd);
  const client = () => createKubernetesClient(store.kv);

  it("reads a key with the revision of the store, and the absence of one", async () => {
    const key = uniqueKey();
    const absent = await client().get(key);
    expect(absent.kv).toBeUndefined();
    const { header } = await store.kv.put(key, "bar");
    const found = await client().get(key);
    expect(found).toMatchObject({
      revision: header.revision,
      kv: { value: bytes("bar"), modRevision: header.revision },
    });
    await store.kv.put(key, "baz");
    const old = await client().get(key, { revision: header.revision });
    expect(old.kv?.value).toEqual(bytes("bar"));
  });

  it("lists a prefix in pages of one revision, and says how many are left from each page on", async () => {
    const prefix = uniqueKey();
    for (const name of ["a", "b", "c", "d", "e"]) await store.kv.put(prefix + name, name);
    const first = await client().list(prefix, { limit: 2 });
    expect(names(first.kvs)).toEqual([`${prefix}a`, `${prefix}b`]);
    expect(first.count).toBe(5);
    await store.kv.put(`${prefix}bb`, "too late");
    const { revision } = first;
    const second = await client().list(prefix, { limit: 2, revision, continue: first.continue });
    expect(names(second.kvs)).toEqual([`${prefix}c`, `${prefix}d`]);
    expect(second.count).toBe(3);
    const third = await client().list(prefix, { limit: 2, revision, continue: second.continue });
    expect(names(third.kvs)).toEqual([`${prefix}e`]);
    expect(third).toMatchObject({ count: 1 });
    expect(third.continue).toBeUndefined();
    await expect(client().count(prefix)).resolves.toBe(6);
  });

  it("ends a list whose revision was compacted", async () => {
    const prefix = uniqueKey();
    for (const name of ["a", "b"]) await store.kv.put(prefix + name, name);
    const { revision, continue: next } = await client().list(prefix, { limit: 1 });
    const { header } = await store.kv.put(`${prefix}c`, "c");
    await store.kv.compact(header.revision);
    await expect(client().list(prefix, { revision, continue: next })).rejects.toMatchObject({
      code: "COMPACTED",
    });
  });

  describe("optimisticPut", () => {
    it("creates a key only once", async () => {
      const key = uniqueKey();
      const created = await client().optimisticPut(key, "first", undefined);
      expect(created.succeeded).toBe(true);
      const again = await client().optimisticPut(key, "second", undefined, { getOnFailure: true });
      expect(again).toMatchObject({
        succeeded: false,
        kv: { value: bytes("first"), modRevision: created.revision },
      });
      const silent = await client().optimisticPut(key, "second", undefined);
      expect(silent).toEqual({ succeeded: false, revision: created.revision });
    });

    it("changes a key only as it was seen, and lets one of many writers win", async () => {
      const key = uniqueKey();
      const { revision } = await client().optimisticPut(key, "first", undefined);
      const attempts = await Promise.all(
        Array.from({ length: 10 }, (_, i) => client().optimisticPut(key, `writer ${i}`, revision)),
      );
      const winners = attempts.flatMap(({ succeeded }, i) => (succeeded ? [`writer ${i}`] : []));
      expect(winners).toHaveLength(1);
      await expect(textAt(store.kv, key)).resolves.toBe(winners[0]);
    });

    it("ties the key to a lease, and refuses one that is not there", async () => {
      const key = uniqueKey();
      const leaseId = await store.grantLease();
      await client().optimisticPut(key, "leased", undefined, { leaseId });
      await expect(store.kv.get(key)).resolves.toMatchObject({ lease: leaseId });
      const other = client().optimisticPut(uniqueKey(), "leased", undefined, { leaseId: 123_456n });
      await expect(other).rejects.toMatchObject({ code: "LEASE_NOT_FOUND", outcome: "not-applied" });
    });
  });

  it("optimisticDelete deletes a key only as it was seen", async () => {
    const key = uniqueKey();
    const first = await client().optimisticPut(key, "first", undefined);
    const second = await client().optimisticPut(key, "second", first.revision);
    const late = await client().optimisticDelete(key, first.revision, { getOnFailure: true });
    expect(late).toMatchObject({ succeeded: false, kv: { value: bytes("second") } });
    const deleted = await client().optimisticDelete(key, second.revision);
    expect(deleted.succeeded).toBe(true);
    const gone = await client().optimisticDelete(key, second.revision, { getOnFailure: true });
    expect(gone.succeeded).toBe(false);
    expect(gone.kv).toBeUndefined();
  });

  it("passes the options of a call on", async () => {
    const reason = new Error("changed my mind");
    const signal = AbortSignal.abort(reason);
    await expect(client().get("key", { signal })).rejects.toBe(reason);
    await expect(client().optimisticPut("key", "value", undefined, { signal })).rejects.toBe(reason);
  });
});
