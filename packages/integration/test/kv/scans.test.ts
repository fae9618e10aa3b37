import { type KeyValue, op, utf8 } from "@etcdkit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { collect, names, sharedStore } from "./store.js";

const mib = 1024 * 1024;

describeEachEtcd("scans", (etcd) => {
  const store = sharedStore(
    etcd,
    { args: ["--max-request-bytes", `${16 * mib}`] },
    { maxSendBytes: 16 * mib, callTimeoutMs: 30_000 },
  );
  const streams = etcd.has("range-stream");

  /** Writes keys that end in their number, with values to match. */
  async function fill(prefix: string, count: number, value: (i: number) => string): Promise<void> {
    const batches: Promise<unknown>[] = [];
    for (let start = 0; start < count; start += 128) {
      const size = Math.min(128, count - start);
      const puts = Array.from({ length: size }, (_, i) =>
        op.put(nameOf(prefix, start + i), value(start + i)),
      );
      batches.push(store.kv.txn({ success: puts }));
      // Some at a time: a server takes only so many.
      if (batches.length === 16) await Promise.all(batches.splice(0));
    }
    await Promise.all(batches);
  }

  const streamOf = (keys: Parameters<typeof op.range>[0], options?: Parameters<typeof op.range>[1]) => {
    const { stream } = store.kv;
    if (stream === undefined) throw new Error("the store's kv has no stream");
    return stream(op.range(keys, options));
  };

  describe("of 50,000 keys", () => {
    const total = 50_000;
    const prefix = uniqueKey("many");
    beforeAll(() => fill(prefix, total, (i) => `first ${i}`));

    // integration/v3_grpc_test.go:TestV3RangeStreamWriteBetweenChunks
    it("are of one revision, whatever is written meanwhile", async () => {
      const { kv } = store;
      const before = await kv.range({ prefix }, { limit: 1 });
      const seen: KeyValue[] = [];
      let written = 0;
      for await (const page of kv.scan({ prefix })) {
        seen.push(...page);
        // Ahead of the scan, behind it, and keys that were not there.
        await Promise.all([
          kv.put(nameOf(prefix, total - 1), `changed ${written}`),
          kv.put(nameOf(prefix, 0), `changed ${written}`),
          kv.put(`${nameOf(prefix, total - 2)}/${written}`, "new"),
          kv.delete(nameOf(prefix, total - 3 - written)),
        ]);
        written += 1;
      }
      expect(written).toBeGreaterThan(1);
      expect(seen).toHaveLength(total);
      // One comparison in place of 50,000: what is printed when it fails is the first difference.
      const wrong = seen.findIndex(
        ({ key, value }, i) => utf8(key) !== nameOf(prefix, i) || utf8(value) !== `first ${i}`,
      );
      expect(wrong).toBe(-1);
      expect(seen.every(({ modRevision }) => modRevision <= before.header.revision)).toBe(true);
      // The same again as of that revision, and in other pages.
      const again = await collect(
        kv.scan({ prefix }, { revision: before.header.revision, pageSize: 7_777, keysOnly: true }),
      );
      expect(again.flat()).toHaveLength(total);
    });

    it("end with COMPACTED when their revision goes", async () => {
      const { kv } = store;
      const scan = kv.scan({ prefix }, { pageSize: 10 });
      const compactAfterOnePage = async (): Promise<void> => {
        let pages = 0;
        for await (const page of scan) {
          expect(page.length).toBe(10);
          pages += 1;
          expect(pages).toBe(1);
          const { header } = await kv.put(uniqueKey(), "later");
          await kv.compact(header.revision);
        }
      };
      await expect(compactAfterOnePage()).rejects.toMatchObject({ code: "COMPACTED" });
    });
  });

  if (streams) {
    // integration/v3_grpc_test.go:TestV3RangeStreamCount
    describe("streamed with a limit", () => {
      const total = 2_000;
      const prefix = uniqueKey("counted");
      beforeAll(() => fill(prefix, total, (i) => `${i}`));

      it.each([
        ["below the number of keys", 500, true],
        ["equal to it", total, false],
        ["above it", total + 1, false],
        ["that is left out", undefined, false],
      ])(
        "%s come in chunks, and say at the end how many keys there are and whether there are more",
        async (_, limit, more) => {
          const chunks = await collect(streamOf({ prefix }, { limit }));
          expect(chunks.length).toBeGreaterThan(1);
          expect(chunks.flatMap(({ kvs }) => kvs)).toHaveLength(Math.min(limit ?? total, total));
          expect(chunks.at(-1)).toMatchObject({ count: total, more });
          expect(
            chunks.slice(0, -1).every(({ header, count }) => header.revision === 0n && count === 0),
          ).toBe(true);
        },
      );
    });
  }

  describe("of large values", () => {
    const prefix = uniqueKey("large");
    const value = (i: number): string => String.fromCharCode(97 + i).repeat(4 * mib);
    beforeAll(async () => {
      for (let i = 0; i < 10; i++) await store.kv.put(nameOf(prefix, i), value(i));
    });

    // integration/v3_grpc_test.go:TestV3RangeStreamLargeValues
    it("give every value whole", async () => {
      const pages = await collect(store.kv.scan({ prefix }, { pageSize: 2 }));
      expect(pages.flatMap(names)).toEqual(Array.from({ length: 10 }, (_, i) => nameOf(prefix, i)));
      const wrong = pages.flat().findIndex((kv, i) => utf8(kv.value) !== value(i));
      expect(wrong).toBe(-1);
    });

    // integration/v3_grpc_test.go:TestV3RangeStreamPartialThenCompacted
    if (streams) {
      it("streamed end with COMPACTED, after whole chunks, when their revision goes on the way", async () => {
        const total = 60;
        const long = uniqueKey("long");
        for (let i = 0; i < total; i++) await store.kv.put(nameOf(long, i), "a".repeat(mib));
        const got: string[] = [];
        const read = async (): Promise<void> => {
          for await (const { kvs } of streamOf({ prefix: long })) {
            const isFirst = got.length === 0;
            got.push(...names(kvs));
            if (!isFirst) continue;
            // The server is a chunk or two ahead of whoever does not read on, not sixty megabytes.
            const { header } = await store.kv.put(uniqueKey(), "later");
            await store.kv.compact(header.revision);
          }
        };
        await expect(read()).rejects.toMatchObject({ code: "COMPACTED" });
        expect(got.length).toBeGreaterThan(0);
        expect(got.length).toBeLessThan(total);
        expect(got).toEqual(Array.from({ length: got.length }, (_, i) => nameOf(long, i)));
      });
    } else {
      it("fall back to pages where the server cannot stream", async () => {
        await expect(collect(streamOf({ prefix }))).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
        const pages = await collect(store.kv.scan({ prefix }, { pageSize: 3, keysOnly: true }));
        expect(pages.map(({ length }) => length)).toEqual([3, 3, 3, 1]);
      });
    }
  });

  it("are left at any time, and the connection goes on", async () => {
    const prefix = uniqueKey("left");
    await fill(prefix, 3_000, (i) => `${i}`);
    for (const pagesRead of [1, 2, 3]) {
      let pages = 0;
      for await (const page of store.kv.scan({ prefix }, { pageSize: 10 })) {
        expect(page.length).toBeGreaterThan(0);
        pages += 1;
        if (pages === pagesRead) break;
      }
    }
    await expect(store.kv.get(nameOf(prefix, 0))).resolves.toMatchObject({ version: 1n });
  });

  it("end with the reason of their signal", async () => {
    const prefix = uniqueKey("aborted");
    await fill(prefix, 1_000, (i) => `${i}`);
    const controller = new AbortController();
    const reason = new Error("enough");
    const read = async (): Promise<void> => {
      for await (const page of store.kv.scan({ prefix }, { pageSize: 10, signal: controller.signal })) {
        expect(page.length).toBeGreaterThan(0);
        controller.abort(reason);
      }
    };
    await expect(read()).rejects.toBe(reason);
  });
});

function nameOf(prefix: string, i: number): string {
  return `${prefix}${String(i).padStart(6, "0")}`;
}
