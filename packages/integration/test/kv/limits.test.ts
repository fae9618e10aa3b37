import { createKv } from "@etcdkit/kv";
import type { EtcdCluster } from "@etcdkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { sharedStore, textAt } from "./store.js";

const kib = 1024;
const mib = 1024 * kib;

describeEachEtcd("limits", (etcd) => {
  describe("of a server with its defaults", () => {
    const store = sharedStore(etcd);

    // kv_test.go:TestKVPutError
    it("refuse a value just above 1.5 MiB, which the client lets through so that etcd's own error shows", async () => {
      const key = uniqueKey();
      const refused = store.kv.put(key, "a".repeat(1.5 * mib + 1));
      await expect(refused).rejects.toMatchObject({ code: "REQUEST_TOO_LARGE", outcome: "not-applied" });
      await expect(store.kv.get(key)).resolves.toBeUndefined();
    });

    // integration/v3_grpc_test.go:TestV3TooLargeRequest
    it("refuse a value of 2 MiB, where the client is told to send it", async () => {
      await using connection = store.connect({ maxSendBytes: 4 * mib });
      const key = uniqueKey();
      const refused = createKv(connection).put(key, new Uint8Array(2 * mib));
      // With the rest of its message it exceeds what etcd's gRPC library takes as well, and that looks at it first.
      await expect(refused).rejects.toMatchObject({
        code: "MESSAGE_TOO_LARGE",
        outcome: "not-applied",
      });
      await expect(store.kv.get(key)).resolves.toBeUndefined();
    });

    // integration/v3_grpc_test.go:TestV3LargeRequests
    it("leave the connection as it was: an answer above the client's limit fails alone", async () => {
      await using connection = store.connect({ maxSendBytes: 64 * kib, maxReceiveBytes: 64 * kib });
      const kv = createKv(connection);
      const key = uniqueKey();
      await store.kv.put(key, "a".repeat(100 * kib));
      await expect(kv.get(key)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
      await expect(kv.get(key, { keysOnly: true })).resolves.toMatchObject({ version: 1n });
    });
  });

  // kv_test.go:TestKVLargeRequests; integration/v3_grpc_test.go:TestV3LargeRequests
  describe("of requests, on both sides:", () => {
    const clusters = new Map<number, EtcdCluster>();
    const sizes = [256, 7.5 * mib, 10 * mib];
    beforeAll(async () => {
      for (const size of sizes) {
        clusters.set(size, await etcd.start({ args: ["--max-request-bytes", `${size}`] }));
      }
    });
    afterAll(() => Promise.all([...clusters.values()].map((cluster) => cluster.close())));

    const clientDefault = undefined;
    it.each<[string, number, number | undefined, number, string | undefined]>([
      ["256 bytes at the server refuse 1 KiB there", 256, clientDefault, kib, "REQUEST_TOO_LARGE"],
      [
        "7 MiB here and more at the server let 5 MiB through, and back",
        7.5 * mib,
        7 * mib,
        5 * mib,
        undefined,
      ],
      ["10 MiB at the server let 9 MiB through, and back", 10 * mib, 100 * mib, 9 * mib, undefined],
      ["10 MiB at the server refuse 10 MiB there", 10 * mib, 100 * mib, 10 * mib, "REQUEST_TOO_LARGE"],
      [
        "10 MiB at the server refuse a little more there",
        10 * mib,
        100 * mib,
        10 * mib + 5,
        "REQUEST_TOO_LARGE",
      ],
      ["10 MiB here refuse 10 MiB before they are sent", 10 * mib, 10 * mib, 10 * mib, "MESSAGE_TOO_LARGE"],
      [
        "10 MiB here refuse a little more before it is sent",
        10 * mib,
        10 * mib,
        10 * mib + 5,
        "MESSAGE_TOO_LARGE",
      ],
    ])("%s", async (_, server, maxSendBytes, size, code) => {
      const cluster = clusters.get(server);
      expect(cluster).toBeDefined();
      if (cluster === undefined) return;
      await using connection = connectTo(cluster, { maxSendBytes, callTimeoutMs: 30_000 });
      const kv = createKv(connection);
      const key = uniqueKey();
      const value = "a".repeat(size);
      if (code === undefined) {
        await kv.put(key, value);
        const found = await textAt(kv, key);
        expect(found === value).toBe(true); // a difference of megabytes is no text to print
      } else {
        await expect(kv.put(key, value)).rejects.toMatchObject({ code, outcome: "not-applied" });
        await expect(kv.get(key)).resolves.toBeUndefined();
      }
    });
  });

  // kv_test.go:TestKVPutError; integration/v3_grpc_test.go:TestV3StorageQuotaAPI
  describe("of the storage", () => {
    const quota = 64 * kib;
    const store = sharedStore(etcd, { args: ["--quota-backend-bytes", `${quota}`] });

    it("let small values through, refuse big ones in puts and in transactions, and then every write", async () => {
      const { kv } = store;
      const key = uniqueKey();
      await kv.put(key, "a".repeat(512));
      const full = { code: "NO_SPACE", outcome: "unknown" };
      await expect(kv.put(key, "b".repeat(quota))).rejects.toMatchObject(full);
      await expect(
        kv.txn({ success: [{ type: "put", key: Buffer.from(key), value: new Uint8Array(quota) }] }),
      ).rejects.toMatchObject(full);
      await expect(kv.put(key, "c")).rejects.toMatchObject(full);
      await expect(textAt(kv, key)).resolves.toBe("a".repeat(512));
      await expect(kv.delete(key)).resolves.toMatchObject({ deleted: 1 });
    });
  });
});
