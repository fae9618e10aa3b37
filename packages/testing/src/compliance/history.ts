import { op } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { reads } from "./entries.js";
import { type KvSetup, on } from "./ground.js";

// Far beyond any store, within the 63 bits of a revision.
const future = 2n ** 62n;

/** Reads of old revisions, and compaction. */
export function describeHistory(setup: KvSetup, compaction: boolean): void {
  for (const [name, read] of reads) {
    describe(`history, through ${name}`, () => {
      it(
        "holds each value at the revisions from its write to the next",
        on(setup, async ({ kv, key, write }) => {
          const [first, second] = await write(["a", "1"], ["a", "2"]);
          const { header } = await kv.delete(key("a"));
          const versions: unknown[] = [];
          for (const revision of [first, second - 1n, second, header.revision - 1n, header.revision]) {
            versions.push((await read(kv, key("a"), { revision })).kvs.map(({ version }) => version));
          }
          expect(versions).toEqual([[1n], [1n], [2n], [2n], []]);
        }),
      );

      // kv_test.go:TestKVCompactError, for reads
      it(
        "rejects a revision that is still to come with FUTURE_REV",
        on(setup, async ({ kv, key }) => {
          await expect(read(kv, key("a"), { revision: future })).rejects.toMatchObject({
            code: "FUTURE_REV",
          });
        }),
      );

      // common/compact_test.go:TestCompact
      it.runIf(compaction)(
        "rejects a revision below the compacted one with COMPACTED and keeps the compacted one",
        on(setup, async ({ kv, key, write }) => {
          const [first, second] = await write(["a", "1"], ["a", "2"], ["a", "3"]);
          await kv.compact(second);
          await expect(read(kv, key("a"), { revision: first })).rejects.toMatchObject({ code: "COMPACTED" });
          expect((await read(kv, key("a"), { revision: second })).kvs[0]?.version).toBe(2n);
          expect((await read(kv, key("a"))).kvs[0]?.version).toBe(3n);
        }),
      );
    });
  }

  describe("get", () => {
    it(
      "reads an old revision, also from before the key was there",
      on(setup, async ({ kv, key, write }) => {
        const [before, first] = await write(["b", ""], ["a", "1"], ["a", "2"]);
        expect((await kv.get(key("a"), { revision: first }))?.version).toBe(1n);
        await expect(kv.get(key("a"), { revision: before })).resolves.toBeUndefined();
        await expect(kv.get(key("a"), { revision: future })).rejects.toMatchObject({ code: "FUTURE_REV" });
      }),
    );
  });

  describe.runIf(compaction)("compact", () => {
    // kv_test.go:TestKVCompactError
    it.each(["compact", "execute"] as const)("through %s, happens once per revision", async (entry) => {
      await on(setup, async ({ kv, write }) => {
        const compact = async (revision: bigint): Promise<unknown> =>
          entry === "compact" ? await kv.compact(revision) : await kv.execute(op.compact(revision));
        const [first, second] = await write(["a", "1"], ["a", "2"]);
        await compact(second);
        await expect(compact(second)).rejects.toMatchObject({ code: "COMPACTED" });
        await expect(compact(first)).rejects.toMatchObject({ code: "COMPACTED" });
        await expect(compact(future)).rejects.toMatchObject({ code: "FUTURE_REV" });
      })();
    });

    it(
      "keeps the newest values, and waits for the storage when asked to",
      on(setup, async ({ kv, write, value }) => {
        const [, second] = await write(["a", "1"], ["a", "2"]);
        const { header } = await kv.compact(second, { physical: true });
        expect(header.revision).toBeGreaterThanOrEqual(second);
        expect(await value("a")).toBe("2");
      }),
    );
  });
}
