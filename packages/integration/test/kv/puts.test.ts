import { createClient } from "@connectrpc/connect";
import { op, type PutOp, utf8 } from "@etcdkit/core";
import { Lease } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { bytes, sharedStore, textAt } from "./store.js";

describeEachEtcd("puts", (etcd) => {
  const store = sharedStore(etcd);

  // common/kv_test.go:TestKVPut
  it("stores a value", async () => {
    const { kv } = store;
    const key = uniqueKey();
    await kv.put(key, "bar");
    const { kvs } = await kv.range(key);
    expect(kvs.map((found) => [utf8(found.key), utf8(found.value)])).toEqual([[key, "bar"]]);
  });

  // integration/v3_grpc_test.go:TestV3PutOverwrite
  it("replaces a value and answers with the old one when asked to", async () => {
    const { kv } = store;
    const key = uniqueKey();
    const first = await kv.put(key, "bar", { prevKv: true });
    expect(first.prevKv).toBeUndefined();
    const second = await kv.put(key, "baz", { prevKv: true });
    expect(second.header.revision).toBeGreaterThan(first.header.revision);
    expect(second.prevKv).toMatchObject({ value: bytes("bar"), modRevision: first.header.revision });
    const found = await kv.get(key);
    expect(found).toMatchObject({
      createRevision: first.header.revision,
      modRevision: second.header.revision,
      version: 2n,
    });
    expect(utf8(found?.value ?? new Uint8Array())).toBe("baz");
  });

  // integration/v3_kv_test.go:TestKVWithEmptyValue
  it("stores empty values, which are read and deleted like others", async () => {
    const { kv } = store;
    const prefix = uniqueKey();
    for (const name of ["my-namespace/foobar", "my-namespace/foobar1", "namespace/foobar1"]) {
      await kv.put(prefix + name, "");
    }
    const all = await kv.range({ prefix });
    expect(all.kvs.map(({ value }) => value.length)).toEqual([0, 0, 0]);
    await expect(kv.delete({ prefix: `${prefix}my-namespace` })).resolves.toMatchObject({ deleted: 2 });
    await expect(kv.range({ prefix }, { countOnly: true })).resolves.toMatchObject({ count: 1 });
    await expect(
      kv.delete({ from: `${prefix}namespace/`, to: `${prefix}namespace0` }),
    ).resolves.toMatchObject({
      deleted: 1,
    });
    await expect(kv.range({ prefix }, { countOnly: true })).resolves.toMatchObject({ count: 0 });
  });

  // kv_test.go:TestKVPutError
  it("refuses the empty key, and says that nothing was written", async () => {
    const refused = store.kv.put("", "bar");
    await expect(refused).rejects.toMatchObject({ code: "EMPTY_KEY", outcome: "not-applied" });
  });

  describe("with a lease", () => {
    // kv_test.go:TestKVPutWithLease
    it("ties the key to it", async () => {
      const { kv } = store;
      const key = uniqueKey();
      const leaseId = await store.grantLease();
      const { header } = await kv.put(key, "bar", { leaseId });
      const { kvs } = await kv.range(key);
      expect(kvs).toHaveLength(1);
      expect(kvs[0]).toMatchObject({
        key: bytes(key),
        value: bytes("bar"),
        createRevision: header.revision,
        modRevision: header.revision,
        version: 1n,
        lease: leaseId,
      });
    });

    // integration/v3_grpc_test.go:TestV3PutMissingLease
    it("is refused where the server does not know the lease, alone and on the path of a transaction", async () => {
      const { kv } = store;
      const [key, absent] = [uniqueKey(), uniqueKey()];
      const write = op.put(key, "", { leaseId: 123_456n });
      const missing = { code: "LEASE_NOT_FOUND", outcome: "not-applied" };
      await expect(kv.execute(write)).rejects.toMatchObject(missing);
      await expect(kv.txn({ success: [write] })).rejects.toMatchObject(missing);
      const never = {
        target: "createRevision",
        relation: "greater",
        key: bytes(absent),
        operand: 0n,
      } as const;
      await expect(kv.txn({ compare: [never], failure: [write] })).rejects.toMatchObject(missing);
      await expect(kv.txn({ success: [op.range(absent)], failure: [write] })).resolves.toMatchObject({
        succeeded: true,
      });
      await expect(kv.get(key)).resolves.toBeUndefined();
    });
  });

  describe("that ignore the value", () => {
    // kv_test.go:TestKVPutWithIgnoreValue
    it("need the key, and keep what it holds", async () => {
      const { kv } = store;
      const key = uniqueKey();
      const keep = (): Promise<unknown> => kv.put(key, undefined, { ignoreValue: true });
      await expect(keep()).rejects.toMatchObject({ code: "KEY_NOT_FOUND", outcome: "not-applied" });
      await kv.put(key, "bar");
      await keep();
      await expect(kv.get(key)).resolves.toMatchObject({ value: bytes("bar"), version: 2n });
    });

    // integration/v3_grpc_test.go:TestV3PutIgnoreValue
    it("change the lease alone, in a transaction too", async () => {
      const { kv } = store;
      const key = uniqueKey();
      const leaseId = await store.grantLease();
      const keep = op.put(key, undefined, { ignoreValue: true });
      await expect(kv.txn({ success: [keep] })).rejects.toMatchObject({ code: "KEY_NOT_FOUND" });
      await kv.put(key, "bar");
      await kv.txn({ success: [op.put(key, undefined, { ignoreValue: true, leaseId })] });
      await expect(kv.get(key)).resolves.toMatchObject({ value: bytes("bar"), lease: leaseId });
      const detached = await kv.execute(keep);
      expect(detached.prevKv).toBeUndefined();
      await expect(kv.get(key)).resolves.toMatchObject({ value: bytes("bar"), lease: 0n });
      await createClient(Lease, store.connection.transport).leaseRevoke({ ID: leaseId });
      await expect(textAt(kv, key)).resolves.toBe("bar");
    });

    // integration/v3_grpc_test.go:TestV3PutIgnoreValue
    it("are refused with a value: here before anything is sent, by the server where an op is made by hand", async () => {
      const { kv } = store;
      const key = uniqueKey();
      await kv.put(key, "bar");
      await expect(kv.put(key, "baz", { ignoreValue: true })).rejects.toThrow(TypeError);
      const byHand: PutOp = {
        type: "put",
        key: bytes(key),
        value: bytes("baz"),
        ignoreValue: true,
      };
      await expect(kv.execute(byHand)).rejects.toMatchObject({
        code: "VALUE_PROVIDED",
        outcome: "not-applied",
      });
      await expect(textAt(kv, key)).resolves.toBe("bar");
    });
  });

  describe("that ignore the lease", () => {
    // kv_test.go:TestKVPutWithIgnoreLease
    it("need the key, and keep its lease", async () => {
      const { kv } = store;
      const key = uniqueKey();
      const leaseId = await store.grantLease();
      const keep = (): Promise<unknown> => kv.put(key, "bar1", { ignoreLease: true });
      await expect(keep()).rejects.toMatchObject({ code: "KEY_NOT_FOUND", outcome: "not-applied" });
      await kv.put(key, "bar", { leaseId });
      await keep();
      await expect(kv.get(key)).resolves.toMatchObject({ value: bytes("bar1"), lease: leaseId });
    });

    // integration/v3_grpc_test.go:TestV3PutIgnoreLease
    it("keep the lease in a transaction too, and a plain put unties it", async () => {
      const { kv } = store;
      const key = uniqueKey();
      const leaseId = await store.grantLease();
      const keep = op.put(key, "bar1", { ignoreLease: true });
      await expect(kv.txn({ success: [keep] })).rejects.toMatchObject({ code: "KEY_NOT_FOUND" });
      await kv.put(key, "bar", { leaseId });
      await kv.txn({ success: [keep] });
      await expect(kv.get(key)).resolves.toMatchObject({ value: bytes("bar1"), lease: leaseId });
      await kv.put(key, "bar");
      await expect(kv.get(key)).resolves.toMatchObject({ value: bytes("bar"), lease: 0n });
      await createClient(Lease, store.connection.transport).leaseRevoke({ ID: leaseId });
      await expect(textAt(kv, key)).resolves.toBe("bar");
    });

    // integration/v3_grpc_test.go:TestV3PutIgnoreLease
    it("are refused with a lease: here before anything is sent, by the server where an op is made by hand", async () => {
      const { kv } = store;
      const key = uniqueKey();
      const leaseId = await store.grantLease();
      await expect(kv.put(key, "bar", { ignoreLease: true, leaseId })).rejects.toThrow(TypeError);
      const byHand: PutOp = { ...op.put(key, "bar"), ignoreLease: true, leaseId };
      await expect(kv.execute(byHand)).rejects.toMatchObject({
        code: "LEASE_PROVIDED",
        outcome: "not-applied",
      });
    });
  });
});
