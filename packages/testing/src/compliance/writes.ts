import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { writes } from "./entries.js";
import { type KvSetup, on } from "./ground.js";

/** Writes of one key, by each way to write. */
export function describeWrites(setup: KvSetup): void {
  for (const [name, put] of writes) {
    describe(`put, through ${name}`, () => {
      // common/kv_test.go:TestKVPut
      it(
        "stores what it was given, at a revision of its own",
        on(setup, async ({ kv, key }) => {
          const { header } = await kv.put(key("a"), "before");
          await put(kv, key("a"), Uint8Array.of(0, 0xff));
          const found = await kv.get(key("a"));
          expect(found?.value).toEqual(Uint8Array.of(0, 0xff));
          expect(found?.modRevision).toBeGreaterThan(header.revision);
          expect(found?.version).toBe(2n);
        }),
      );

      // v3_kv_test.go:TestKVWithEmptyValue
      it(
        "stores an empty value",
        on(setup, async ({ kv, key, value }) => {
          await put(kv, key("a"), "");
          expect(await value("a")).toBe("");
        }),
      );

      // v3_grpc_test.go:TestV3PutOverwrite
      it(
        "answers with the pair that it overwrote when asked to, and with none for a new key",
        on(setup, async ({ kv, key, write }) => {
          const asked = { prevKv: true } as const;
          expect((await put(kv, key("a"), "1", asked)).prevKv).toBeUndefined();
          const [revision] = await write(["a", "2"]);
          expect((await put(kv, key("a"), "3")).prevKv).toBeUndefined();
          await write(["b", "1"]);
          const { prevKv } = await put(kv, key("a"), "4", asked);
          expect(prevKv).toMatchObject({ key: key("a"), value: toBytes("3", "value"), version: 3n });
          expect(prevKv?.modRevision).toBeGreaterThan(revision);
        }),
      );

      // kv_test.go:TestKVPutWithIgnoreValue, v3_grpc_test.go:TestV3PutIgnoreValue
      it(
        "keeps the value of a key when told to ignore values, and needs the key to exist",
        on(setup, async ({ kv, key, value, write }) => {
          await expect(put(kv, key("a"), "", { ignoreValue: true })).rejects.toMatchObject({
            code: "KEY_NOT_FOUND",
            outcome: "not-applied",
          });
          await write(["a", "kept"]);
          await put(kv, key("a"), "", { ignoreValue: true });
          expect(await value("a")).toBe("kept");
          expect((await kv.get(key("a")))?.version).toBe(2n);
        }),
      );

      // kv_test.go:TestKVPutWithIgnoreLease, v3_grpc_test.go:TestV3PutIgnoreLease
      it(
        "keeps the lease of a key when told to ignore leases, and needs the key to exist",
        on(setup, async ({ kv, key, value, write }) => {
          await expect(put(kv, key("a"), "1", { ignoreLease: true })).rejects.toMatchObject({
            code: "KEY_NOT_FOUND",
            outcome: "not-applied",
          });
          await write(["a", "1"]);
          await put(kv, key("a"), "2", { ignoreLease: true });
          expect(await value("a")).toBe("2");
        }),
      );

      // v3_grpc_test.go:TestV3PutMissingLease
      it(
        "rejects a lease that does not exist with LEASE_NOT_FOUND and stores nothing",
        on(setup, async ({ kv, key, value }) => {
          const leaseId = 0x7fff_ffff_ffff_ff01n;
          await expect(put(kv, key("a"), "1", { leaseId })).rejects.toMatchObject({
            code: "LEASE_NOT_FOUND",
            outcome: "not-applied",
          });
          expect(await value("a")).toBeUndefined();
        }),
      );

      // kv_test.go:TestKVPutError
      it(
        "rejects the empty key with EMPTY_KEY",
        on(setup, async ({ kv }) => {
          await expect(put(kv, "", "1")).rejects.toMatchObject({ code: "EMPTY_KEY", outcome: "not-applied" });
        }),
      );
    });
  }

  describe("put", () => {
    it(
      "answers with the revision of the write",
      on(setup, async ({ kv, key }) => {
        const { header } = await kv.put(key("a"), "1");
        expect((await kv.get(key("a")))?.modRevision).toBe(header.revision);
      }),
    );

    it(
      "takes no value when told to ignore values",
      on(setup, async ({ kv, key, value, write }) => {
        await write(["a", "kept"]);
        const { prevKv } = await kv.put(key("a"), undefined, { ignoreValue: true, prevKv: true });
        expect(prevKv?.version).toBe(1n);
        expect(await value("a")).toBe("kept");
      }),
    );
  });
}
