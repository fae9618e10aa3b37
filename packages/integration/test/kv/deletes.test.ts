import type { KeyOrRange } from "@etcdkit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { bytes, names, sharedStore } from "./store.js";

describeEachEtcd("deletions", (etcd) => {
  const store = sharedStore(etcd);
  beforeEach(() => store.clear());

  async function fill(keys: readonly string[]): Promise<void> {
    for (const key of keys) await store.kv.put(key, "bar");
  }

  const five = ["a", "b", "c", "c/abc", "d"];

  // common/kv_test.go:TestKVDelete. Everything by the empty prefix, its first case, is refused here: the second says it.
  it.each<[string, KeyOrRange, number, readonly string[]]>([
    ["everything from the least key on", { from: "\0" }, 5, []],
    ["everything below the greatest key", { from: "", to: "e" }, 5, []],
    ["a range", { from: "a", to: "c" }, 2, ["c", "c/abc", "d"]],
    ["one key", "c", 1, ["a", "b", "c/abc", "d"]],
    ["a prefix", { prefix: "c" }, 2, ["a", "b", "d"]],
    ["everything from a key on", { from: "c" }, 3, ["a", "b"]],
    ["a key that is not there", "e", 0, five],
  ])("take %s, count it and leave the rest", async (_, keys, deleted, left) => {
    const { kv } = store;
    await fill(five);
    await expect(kv.delete(keys)).resolves.toMatchObject({ deleted, prevKvs: [] });
    const rest = await kv.range({ prefix: "" });
    expect(names(rest.kvs)).toEqual(left);
  });

  // common/kv_test.go:TestKVDelete
  it("refuse the empty prefix before anything is sent", async () => {
    await fill(five);
    await expect(store.kv.delete({ prefix: "" })).rejects.toThrow(TypeError);
    await expect(store.kv.range({ prefix: "" })).resolves.toMatchObject({ count: 5 });
  });

  // kv_test.go:TestKVDeleteRange
  it("take no more than the range, and everything in the end", async () => {
    const { kv } = store;
    await fill(["foo", "foo/abc", "fop"]);
    await expect(kv.delete({ from: "foo/", to: "fop" })).resolves.toMatchObject({ deleted: 1 });
    const rest = await kv.range({ from: "" });
    expect(names(rest.kvs)).toEqual(["foo", "fop"]);
    await expect(kv.delete({ from: "\0" })).resolves.toMatchObject({ deleted: 2 });
    await expect(kv.range({ from: "" })).resolves.toMatchObject({ kvs: [], count: 0 });
  });

  // integration/v3_grpc_test.go:TestV3DeleteRange
  describe("of one range among three keys", () => {
    it.each<[string, string, string | undefined, readonly string[]]>([
      ["the middle", "foo/", "fop", ["foo", "fop"]],
      ["nothing, the range being empty", "foo/", "foo/", ["foo", "foo/abc", "fop"]],
      ["the first two", "fo", "fop", ["fop"]],
      ["the last two", "foo/", "fos", ["foo"]],
      ["one exactly", "foo/abc", undefined, ["foo", "fop"]],
      ["nothing, the range being one key and empty", "foo", "foo", ["foo", "foo/abc", "fop"]],
    ])("take %s", async (_, key, rangeEnd, left) => {
      const { kv } = store;
      await fill(["foo", "foo/abc", "fop"]);
      const range =
        rangeEnd === undefined ? { key: bytes(key) } : { key: bytes(key), rangeEnd: bytes(rangeEnd) };
      // Made by hand, since empty ranges cannot be made otherwise.
      const { deleted, prevKvs, header } = await kv.execute({ type: "delete", ...range, prevKv: true });
      expect(deleted).toBe(3 - left.length);
      expect(names(prevKvs)).toEqual(["foo", "foo/abc", "fop"].filter((name) => !left.includes(name)));
      const rest = await kv.range({ from: "" });
      expect(names(rest.kvs)).toEqual(left);
      expect(rest.header.revision).toBe(header.revision);
    });
  });

  it("answer with what they took, as it was", async () => {
    const { kv } = store;
    const { header } = await kv.put("foo", "bar");
    const { prevKvs } = await kv.delete("foo", { prevKv: true });
    expect(prevKvs).toHaveLength(1);
    expect(prevKvs[0]).toMatchObject({
      key: bytes("foo"),
      value: bytes("bar"),
      modRevision: header.revision,
    });
  });

  // kv_test.go:TestKVPutError, for deletions
  it("refuse the empty key, and say that nothing was deleted", async () => {
    await expect(store.kv.delete("")).rejects.toMatchObject({ code: "EMPTY_KEY", outcome: "not-applied" });
  });
});
