import { describe, expect, it } from "vitest";
import { removes } from "./entries.js";
import { type KvSetup, on } from "./ground.js";

/** Deletions, by each way to delete. */
export function describeDeletions(setup: KvSetup): void {
  for (const [name, remove] of removes) {
    // common/kv_test.go:TestKVDelete, v3_grpc_test.go:TestV3DeleteRange
    describe(`delete, through ${name}`, () => {
      it(
        "deletes the one key, and counts none where there is none",
        on(setup, async ({ kv, key, prefix, names, write }) => {
          await write(["a", ""], ["ab", ""]);
          await expect(remove(kv, key("a"))).resolves.toMatchObject({ deleted: 1, prevKvs: [] });
          await expect(remove(kv, key("a"))).resolves.toMatchObject({ deleted: 0, prevKvs: [] });
          expect(names((await kv.range(prefix())).kvs)).toEqual(["ab"]);
        }),
      );

      it(
        "deletes the keys from one up to, but without, another",
        on(setup, async ({ kv, between, prefix, names, write }) => {
          await write(["a", ""], ["b", ""], ["c", ""], ["d", ""]);
          await expect(remove(kv, between("b", "d"))).resolves.toMatchObject({ deleted: 2 });
          expect(names((await kv.range(prefix())).kvs)).toEqual(["a", "d"]);
        }),
      );

      it(
        "deletes the keys with a prefix, also one that ends in ff bytes, and not their neighbours",
        on(setup, async ({ kv, key, prefix }) => {
          const all = [[0x61], [0x61, 0xff], [0x61, 0xff, 0xff], [0x62]];
          for (const own of all) await kv.put(key(own), "");
          await expect(remove(kv, prefix([0x61, 0xff]))).resolves.toMatchObject({ deleted: 2 });
          expect((await kv.range(prefix())).kvs.map((found) => found.key)).toEqual([
            key([0x61]),
            key([0x62]),
          ]);
        }),
      );

      it(
        "answers with the pairs that it deleted when asked to",
        on(setup, async ({ kv, prefix, names, write }) => {
          await write(["a", "1"], ["b", ""]);
          const { deleted, prevKvs } = await remove(kv, prefix(), { prevKv: true });
          expect([deleted, names(prevKvs), prevKvs.map(({ value }) => value.length)]).toEqual([
            2,
            ["a", "b"],
            [1, 0],
          ]);
          await expect(remove(kv, prefix(), { prevKv: true })).resolves.toMatchObject({
            deleted: 0,
            prevKvs: [],
          });
        }),
      );

      it(
        "lets a key start anew: the next put creates it at version 1",
        on(setup, async ({ kv, key, write }) => {
          await write(["a", ""], ["a", ""]);
          await remove(kv, key("a"));
          const [revision] = await write(["a", ""]);
          await expect(kv.get(key("a"))).resolves.toMatchObject({ version: 1n, createRevision: revision });
        }),
      );

      it(
        "rejects the empty key with EMPTY_KEY",
        on(setup, async ({ kv }) => {
          await expect(remove(kv, "")).rejects.toMatchObject({ code: "EMPTY_KEY", outcome: "not-applied" });
        }),
      );

      it(
        "refuses to delete everything by an empty prefix or an empty start",
        on(setup, async ({ kv, value, write }) => {
          await write(["a", "here"]);
          const attempt = async (keys: { prefix: string } | { from: string }): Promise<unknown> =>
            await remove(kv, keys);
          await expect(attempt({ prefix: "" })).rejects.toThrow(TypeError);
          await expect(attempt({ from: "" })).rejects.toThrow(TypeError);
          expect(await value("a")).toBe("here");
        }),
      );
    });
  }

  describe("delete", () => {
    it(
      "makes a revision only when there was something to delete",
      on(setup, async ({ kv, key, write }) => {
        const [revision] = await write(["a", ""]);
        const some = await kv.delete(key("a"));
        expect(some.header.revision).toBeGreaterThan(revision);
        expect((await kv.get(key("a"), { revision }))?.version).toBe(1n);
        await expect(kv.get(key("a"), { revision: some.header.revision })).resolves.toBeUndefined();
      }),
    );
  });
}
