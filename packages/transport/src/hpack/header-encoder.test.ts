import { describe, expect, it } from "vitest";
import { ReferenceDecoder } from "../../test/support/hpack.js";
import type { HeaderFields } from "./header-decoder.js";
import { HeaderEncoder } from "./header-encoder.js";

const none: ReadonlySet<string> = new Set();
const request: HeaderFields = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/etcdserverpb.KV/Range"],
  [":authority", "localhost:2379"],
  ["te", "trailers"],
  ["content-type", "application/grpc+proto"],
  ["grpc-timeout", "10S"],
];

describe("HeaderEncoder", () => {
  it("writes blocks that a decoder of RFC 7541 reads, the first time and every time after", () => {
    const encoder = new HeaderEncoder();
    const decoder = new ReferenceDecoder();
    for (let round = 0; round < 3; round++)
      expect(decoder.decode(encoder.encode(request, none)).fields).toEqual(request);
  });

  it("puts a field into the table at its first use and needs an index for it from then on", () => {
    const encoder = new HeaderEncoder();
    const decoder = new ReferenceDecoder();
    const first = encoder.encode(request, none);
    expect(decoder.decode(first).how).toEqual(["indexed", "indexed", "kept", "kept", "kept", "kept", "kept"]);
    const second = encoder.encode(request, none);
    expect(new Set(decoder.decode(second).how)).toEqual(new Set(["indexed"]));
    expect(second.length).toBe(request.length);
  });

  it("counts indices from the newest entry, whatever came between", () => {
    const encoder = new HeaderEncoder();
    const decoder = new ReferenceDecoder();
    const lists: HeaderFields[] = Array.from({ length: 30 }, (_, index) => [
      ["shared", "value"],
      [`name-${index}`, "x"],
      ["shared", `${index}`],
    ]);
    for (const fields of [...lists, ...lists.toReversed(), ...lists]) {
      expect(decoder.decode(encoder.encode(fields, none)).fields).toEqual(fields);
    }
  });

  it("stops keeping fields when the table is full, and pushes nothing out", () => {
    const encoder = new HeaderEncoder();
    const decoder = new ReferenceDecoder();
    decoder.decode(encoder.encode(request, none));
    for (let index = 0; index < 300; index++) {
      const fields: HeaderFields = [["request-id", String(index).padStart(20, "0")]];
      expect(decoder.decode(encoder.encode(fields, none)).fields).toEqual(fields);
    }
    expect(decoder.size).toBeLessThanOrEqual(4_096);
    expect(decoder.size).toBeGreaterThan(3_900);
    expect(decoder.decode(encoder.encode(request, none)).how).not.toContain("kept");
    const { generation } = encoder;
    encoder.encode([["request-id", "something new"]], none);
    expect(encoder.generation).toBe(generation);
  });

  it("never puts secrets into a table, and says so to everybody on the way", () => {
    const encoder = new HeaderEncoder();
    const decoder = new ReferenceDecoder();
    for (let round = 0; round < 2; round++) {
      const block = encoder.encode(
        [
          ["token", "s3cret"],
          ["authorization", "Bearer x"],
          ["plain", "x"],
        ],
        new Set(["token", "authorization"]),
      );
      expect(decoder.decode(block).how).toEqual(["never", "never", round === 0 ? "kept" : "indexed"]);
    }
    expect(decoder.size).toBe("plain".length + 1 + 32);
  });

  it("writes a secret that stands in the static table by its index, which tells nothing", () => {
    const decoder = new ReferenceDecoder();
    const block = new HeaderEncoder().encode([["authorization", ""]], new Set(["authorization"]));
    expect(decoder.decode(block).fields).toEqual([["authorization", ""]]);
  });

  it("changes its generation when, and only when, earlier blocks are of no use any more", () => {
    const encoder = new HeaderEncoder();
    const start = encoder.generation;
    encoder.encode(request, none);
    const settled = encoder.generation;
    expect(settled).toBeGreaterThan(start);
    const constant = encoder.encode(request, none);
    expect(encoder.generation).toBe(settled);
    expect(encoder.encode(request, none)).toEqual(constant);
    encoder.setTableSize(4_096);
    expect(encoder.generation).toBe(settled);
    encoder.setTableSize(0);
    expect(encoder.generation).toBeGreaterThan(settled);
  });

  it("writes numbers as long as they need: values of every length", () => {
    const encoder = new HeaderEncoder();
    const decoder = new ReferenceDecoder();
    for (const length of [0, 1, 126, 127, 128, 255, 256, 5_000, 20_000]) {
      const fields: HeaderFields = [["value", "x".repeat(length)]];
      expect(decoder.decode(encoder.encode(fields, none)).fields).toEqual(fields);
    }
  });

  it("writes bytes above 127 as they are", () => {
    const fields: HeaderFields = [["latin", "\xe4\xff\x80"]];
    expect(new ReferenceDecoder().decode(new HeaderEncoder().encode(fields, none)).fields).toEqual(fields);
  });

  describe("a change of the peer's table", () => {
    it("to nothing makes every block stand for itself", () => {
      const encoder = new HeaderEncoder();
      const decoder = new ReferenceDecoder(0);
      encoder.setTableSize(0);
      for (let round = 0; round < 3; round++) {
        const { fields, how } = decoder.decode(encoder.encode(request, none));
        expect(fields).toEqual(request);
        expect(how).toEqual(["indexed", "indexed", "plain", "plain", "plain", "plain", "plain"]);
      }
      expect(decoder.updates).toEqual([0]);
    });

    it("empties it on both sides and is announced once", () => {
      const encoder = new HeaderEncoder();
      const decoder = new ReferenceDecoder();
      decoder.decode(encoder.encode(request, none));
      encoder.setTableSize(1_000);
      decoder.limit = 1_000;
      for (let round = 0; round < 3; round++) {
        expect(decoder.decode(encoder.encode(request, none)).fields).toEqual(request);
        expect(decoder.size).toBeLessThanOrEqual(1_000);
      }
      expect(decoder.updates).toEqual([0, 1_000]);
    });

    it("is announced with the block that follows, however often it changed before that", () => {
      const encoder = new HeaderEncoder();
      const decoder = new ReferenceDecoder();
      decoder.decode(encoder.encode(request, none));
      for (const size of [0, 100, 4_096]) encoder.setTableSize(size);
      expect(decoder.decode(encoder.encode(request, none)).fields).toEqual(request);
      expect(decoder.updates).toEqual([0, 4_096]);
    });

    it("makes no block with the announcement a constant one", () => {
      const encoder = new HeaderEncoder();
      encoder.setTableSize(0);
      const { generation } = encoder;
      encoder.encode(request, none);
      expect(encoder.generation).toBeGreaterThan(generation);
    });

    it("is never used beyond the default, whatever the peer offers", () => {
      const encoder = new HeaderEncoder();
      const decoder = new ReferenceDecoder(65_536);
      encoder.setTableSize(65_536);
      for (let index = 0; index < 300; index++)
        decoder.decode(encoder.encode([["id", `${index}`.padStart(40)]], none));
      expect(decoder.size).toBeLessThanOrEqual(4_096);
    });
  });
});
