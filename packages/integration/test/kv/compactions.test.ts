import { op } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { collect, sharedStore, textAt } from "./store.js";

describeEachEtcd("compactions", (etcd) => {
  const store = sharedStore(etcd);

  /** Writes a key some times; resolves with the revisions. */
  async function write(key: string, times: number): Promise<readonly bigint[]> {
    const revisions: bigint[] = [];
    for (let i = 1; i <= times; i++) revisions.push((await store.kv.put(key, `v${i}`)).header.revision);
    return revisions;
  }

  // kv_test.go:TestKVCompactError
  it("are refused the second time and for revisions to come", async () => {
    const { kv } = store;
    const [, second = 0n, , , fifth = 0n] = await write(uniqueKey(), 5);
    await kv.compact(fifth);
    await expect(kv.compact(fifth)).rejects.toMatchObject({ code: "COMPACTED", outcome: "not-applied" });
    await expect(kv.compact(second)).rejects.toMatchObject({ code: "COMPACTED", outcome: "not-applied" });
    await expect(kv.compact(fifth + 100n)).rejects.toMatchObject({
      code: "FUTURE_REV",
      outcome: "not-applied",
    });
  });

  // kv_test.go:TestKVCompact
  it("take the history below their revision, and nothing else", async () => {
    const { kv } = store;
    const key = uniqueKey();
    const revisions = await write(key, 10);
    const [at = 0n, below = 0n] = [revisions[6], revisions[5]];
    await kv.compact(at);
    await expect(kv.compact(at)).rejects.toMatchObject({ code: "COMPACTED" });
    await expect(kv.get(key, { revision: below })).rejects.toMatchObject({ code: "COMPACTED" });
    await expect(kv.get(key, { revision: at })).resolves.toMatchObject({ modRevision: at, version: 7n });
    await expect(textAt(kv, key)).resolves.toBe("v10");
  });

  // common/compact_test.go:TestCompact
  it.each([
    ["without", undefined],
    ["with", true],
  ])("make older revisions unreadable, %s waiting for the storage", async (_, physical) => {
    const { kv } = store;
    const key = uniqueKey();
    const [, second = 0n, third = 0n] = await write(key, 3);
    await expect(kv.get(key, { revision: second })).resolves.toMatchObject({ version: 2n });
    const { header } = await kv.compact(third, { physical });
    expect(header.revision).toBeGreaterThanOrEqual(third);
    await expect(kv.get(key, { revision: second })).rejects.toMatchObject({ code: "COMPACTED" });
    await expect(kv.range({ prefix: "" }, { revision: second })).rejects.toMatchObject({ code: "COMPACTED" });
    await expect(kv.compact(second, { physical })).rejects.toMatchObject({ code: "COMPACTED" });
  });

  // integration/v3_grpc_test.go:TestV3CompactCurrentRev
  it("of the newest revision leave every value", async () => {
    const { kv } = store;
    const key = uniqueKey();
    const revisions = await write(key, 3);
    await kv.compact(revisions.at(-1) ?? 0n);
    await expect(textAt(kv, key)).resolves.toBe("v3");
    await expect(kv.get(key, { serializable: true })).resolves.toMatchObject({ version: 3n });
  });

  // kv_test.go:TestKVGetStreamCompactedError
  describe("are noticed by a read of many keys at a revision that is gone:", () => {
    async function gone(): Promise<bigint> {
      const [first = 0n, second = 0n] = await write(uniqueKey(), 2);
      await store.kv.compact(second);
      return first;
    }

    it("a range", async () => {
      const revision = await gone();
      await expect(store.kv.range({ prefix: "" }, { revision })).rejects.toMatchObject({ code: "COMPACTED" });
    });

    it("a scan", async () => {
      const revision = await gone();
      const scan = store.kv.scan({ prefix: "" }, { revision });
      await expect(collect(scan)).rejects.toMatchObject({ code: "COMPACTED" });
    });

    if (etcd.has("range-stream"))
      it("a stream", async () => {
        const revision = await gone();
        const { stream } = store.kv;
        expect(stream).toBeDefined();
        if (stream === undefined) return;
        const chunks = stream(op.range({ prefix: "" }, { revision }));
        await expect(collect(chunks)).rejects.toMatchObject({ code: "COMPACTED" });
      });
  });

  it("are not done for a revision that is none", async () => {
    await expect(store.kv.compact(0n)).rejects.toThrow(RangeError);
    // @ts-expect-error: a number is no revision
    await expect(store.kv.compact(5)).rejects.toThrow(TypeError);
  });
});
