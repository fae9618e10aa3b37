import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { type KvSetup, on } from "./ground.js";

/** Reads of one key. */
export function describeReads(setup: KvSetup): void {
  describe("get", () => {
    it(
      "resolves undefined for a key that was never written",
      on(setup, async ({ kv, key }) => {
        await expect(kv.get(key("missing"))).resolves.toBeUndefined();
      }),
    );

    // kv_test.go:TestKVRange
    it(
      "finds what was put, with its revisions and version",
      on(setup, async ({ kv, key }) => {
        const created = await kv.put(key("a"), "one");
        const modified = await kv.put(key("a"), "two");
        expect(modified.header.revision).toBeGreaterThan(created.header.revision);
        await expect(kv.get(key("a"))).resolves.toMatchObject({
          key: key("a"),
          value: toBytes("two", "value"),
          createRevision: created.header.revision,
          modRevision: modified.header.revision,
          version: 2n,
          lease: 0n,
        });
      }),
    );

    it.each([
      ["no bytes", []],
      ["a zero byte", [0]],
      ["ff bytes", [0xff, 0xff]],
      ["every byte", Array.from({ length: 256 }, (_, i) => i)],
    ])("keeps values and keys of %s as they are", async (_, values) => {
      await on(setup, async ({ kv, key }) => {
        await kv.put(key([0x6b, ...values]), Uint8Array.from(values));
        const found = await kv.get(key([0x6b, ...values]));
        expect(found?.key).toEqual(key([0x6b, ...values]));
        expect(found?.value).toEqual(Uint8Array.from(values));
      })();
    });

    it(
      "tells keys apart by every byte",
      on(setup, async ({ kv, key }) => {
        await kv.put(key([1, 0]), "with");
        await expect(kv.get(key([1]))).resolves.toBeUndefined();
        await expect(kv.get(key([1, 0, 0]))).resolves.toBeUndefined();
      }),
    );

    it(
      "takes a string for its UTF-8 bytes",
      on(setup, async ({ kv, key }) => {
        const text = new TextDecoder().decode(key("é\u{1f600}"));
        await kv.put(text, "é");
        const found = await kv.get(key("é\u{1f600}"));
        expect(found?.value).toEqual(Uint8Array.of(0xc3, 0xa9));
      }),
    );

    it(
      "finds a key without its value when only keys are asked for",
      on(setup, async ({ kv, key, write }) => {
        const [revision] = await write(["a", "value"]);
        await expect(kv.get(key("a"), { keysOnly: true })).resolves.toMatchObject({
          key: key("a"),
          value: new Uint8Array(),
          modRevision: revision,
        });
      }),
    );

    it(
      "finds a key without asking the other members, once the member that answers has it",
      on(setup, async ({ kv, key, write }) => {
        await write(["a", "value"]);
        const read = async (): Promise<unknown> => (await kv.get(key("a"), { serializable: true }))?.value;
        await expect.poll(read, { timeout: 15_000 }).toEqual(toBytes("value", "value"));
      }),
    );

    // kv_test.go:TestKVPutError, for reads
    it(
      "rejects the empty key with EMPTY_KEY",
      on(setup, async ({ kv }) => {
        await expect(kv.get("")).rejects.toMatchObject({ code: "EMPTY_KEY" });
      }),
    );
  });
}
