import { type Kv, op, type RangeResult } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { collect, type Ground, type KvSetup, on } from "./ground.js";

// More than three pages of three.
const names = Array.from({ length: 11 }, (_, i) => `k${String(i).padStart(2, "0")}`);

async function writeAll({ kv, key }: Ground): Promise<bigint> {
  const { header } = await kv.txn({ success: names.map((name) => op.put(key(name), `value of ${name}`)) });
  return header.revision;
}

/** Reads of any number of keys. */
export function describeScans(setup: KvSetup, compaction: boolean): void {
  describe("scan", () => {
    it.each([1, 3, names.length, names.length + 1, undefined])(
      "yields every key once, in order, in batches that are not empty, with pages of %s",
      async (pageSize) => {
        await on(setup, async (ground) => {
          await writeAll(ground);
          const batches = await collect(ground.kv.scan(ground.prefix(), { pageSize }));
          expect(batches.every((kvs) => kvs.length > 0)).toBe(true);
          expect(ground.names(batches.flat())).toEqual(names);
          expect(batches[0]).toHaveLength(Math.min(pageSize ?? names.length, names.length));
        })();
      },
    );

    it(
      "keeps to a range with an end, and yields nothing where there is nothing",
      on(setup, async (ground) => {
        await writeAll(ground);
        const some = await collect(ground.kv.scan(ground.between("k02", "k08"), { pageSize: 2 }));
        expect(ground.names(some.flat())).toEqual(names.slice(2, 8));
        expect(await collect(ground.kv.scan(ground.between("l", "m")))).toEqual([]);
      }),
    );

    // v3_grpc_test.go:TestV3RangeStreamWriteBetweenChunks
    it(
      "yields one revision, whatever is written while it goes on",
      on(setup, async (ground) => {
        const { kv, key } = ground;
        const revision = await writeAll(ground);
        const found: [string | undefined, bigint][] = [];
        for await (const kvs of kv.scan(ground.prefix(), { pageSize: 3 })) {
          for (const one of kvs) found.push([ground.names([one])[0], one.modRevision]);
          await kv.put(key("k05"), "changed");
          await kv.put(key(`k99-${found.length}`), "new");
          await kv.delete(key("k10"));
        }
        expect(found).toEqual(names.map((name) => [name, revision]));
      }),
    );

    it(
      "yields an older revision when asked to",
      on(setup, async (ground) => {
        const revision = await writeAll(ground);
        await ground.kv.delete(ground.prefix());
        const batches = await collect(
          ground.kv.scan(ground.prefix(), { revision, pageSize: 4, keysOnly: true }),
        );
        expect(ground.names(batches.flat())).toEqual(names);
        expect(batches.flat().every(({ value }) => value.length === 0)).toBe(true);
      }),
    );

    // kv_test.go:TestKVGetStreamCompactedError, v3_grpc_test.go:TestV3RangeStreamPartialThenCompacted
    it.runIf(compaction)(
      "ends with COMPACTED when its revision goes, after the batches that it has",
      on(setup, async (ground) => {
        const { kv, prefix, key } = ground;
        await writeAll(ground);
        const scanned: number[] = [];
        const scan = async (): Promise<void> => {
          for await (const kvs of kv.scan(prefix(), { pageSize: 3 })) {
            scanned.push(kvs.length);
            const { header } = await kv.put(key("z"), "");
            await kv.compact(header.revision);
          }
        };
        await expect(scan()).rejects.toMatchObject({ code: "COMPACTED" });
        expect(scanned[0]).toBe(3);
      }),
    );

    it(
      "can be left, and the store goes on serving",
      on(setup, async (ground) => {
        await writeAll(ground);
        const seen: string[] = [];
        for await (const kvs of ground.kv.scan(ground.prefix(), { pageSize: 2 })) {
          seen.push(...ground.names(kvs));
          if (seen.length >= 4) break;
        }
        expect(seen.slice(0, 4)).toEqual(names.slice(0, 4));
        expect(await ground.value("k10")).toBe("value of k10");
      }),
    );

    it(
      "ends with the signal's reason when aborted between batches",
      on(setup, async (ground) => {
        await writeAll(ground);
        const reason = new Error("changed my mind");
        const controller = new AbortController();
        const scanned: string[] = [];
        const scan = async (): Promise<void> => {
          for await (const kvs of ground.kv.scan(ground.prefix(), {
            pageSize: 3,
            signal: controller.signal,
          })) {
            scanned.push(...ground.names(kvs));
            controller.abort(reason);
          }
        };
        await expect(scan()).rejects.toBe(reason);
        expect(scanned).toEqual(names.slice(0, 3));
      }),
    );

    it(
      "refuses bad arguments at the call",
      on(setup, async ({ kv, key, prefix }) => {
        expect(() => kv.scan(key("a") as never)).toThrow(TypeError);
        expect(() => kv.scan(prefix(), { pageSize: 0 })).toThrow(RangeError);
        expect(() => kv.scan(prefix(), { limit: 5 } as never)).toThrow(TypeError);
      }),
    );
  });

  describe("stream", () => {
    // common/kv_test.go:TestKVGetStream
    it(
      "answers as range does, in parts, where there is a stream and the server knows it",
      on(setup, async (ground) => {
        await writeAll(ground);
        for (const options of [
          {},
          { limit: 5 },
          { keysOnly: true },
          { countOnly: true },
          { serializable: true },
        ]) {
          const unary = await ground.kv.range(ground.prefix(), options);
          const streamed = await streamWhole(ground, options);
          if (streamed === "unsupported") continue;
          expect(streamed.kvs).toEqual(unary.kvs);
          expect([streamed.count, streamed.more]).toEqual([unary.count, unary.more]);
          expect(streamed.header.revision).toBeGreaterThanOrEqual(unary.header.revision);
        }
      }),
    );

    it(
      "refuses orders and bounds, which no server can stream, and unknown options",
      on(setup, async ({ kv, prefix }) => {
        for (const options of [
          { sort: { by: "value" } },
          { minModRevision: 1n },
          { maxCreateRevision: 1n },
        ] as const) {
          expect(() => kv.stream?.(op.range(prefix(), options)) ?? refuse()).toThrow(TypeError);
        }
        expect(() => kv.stream?.(op.range(prefix()), { timeout: 5 } as never) ?? refuse()).toThrow(TypeError);
      }),
    );
  });
}

async function streamWhole(
  { kv, prefix }: Ground,
  options: Parameters<Kv["range"]>[1],
): Promise<RangeResult | "unsupported"> {
  if (kv.stream === undefined) return "unsupported";
  try {
    const chunks = await collect(kv.stream(op.range(prefix(), options)));
    const last = chunks.at(-1);
    return last === undefined ? "unsupported" : { ...last, kvs: chunks.flatMap(({ kvs }) => kvs) };
  } catch (error) {
    expect(error).toMatchObject({ code: "UNIMPLEMENTED" });
    return "unsupported";
  }
}

function refuse(): never {
  throw new TypeError("there is no stream");
}
