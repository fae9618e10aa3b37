import { describe, expect, it } from "vitest";
import { bytes } from "../test/memory-kv.js";
import { decodeCheckpoint, encodeCheckpoint, type MirrorCheckpoint } from "./checkpoint.js";

describe("a checkpoint", () => {
  it.each<MirrorCheckpoint>([
    { revision: 0n },
    { revision: 12n, clusterId: 0xffff_ffff_ffff_ffffn },
    { revision: 2n ** 63n - 1n, clusterId: 1n, witness: { key: bytes("k"), digest: new Uint8Array(0) } },
    { revision: 3n, clusterId: 1n, witness: { key: Uint8Array.of(0, 255), digest: Uint8Array.of(1, 2, 3) } },
  ])("survives being kept as bytes: %o", (checkpoint) => {
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
  });

  it.each([
    "",
    "[]",
    "null",
    "{}",
    '{"revision":1}',
    '{"revision":"-1"}',
    '{"revision":"1","clusterId":"xyz"}',
    '{"revision":"1","witness":{"key":"a"}}',
  ])("is not read from %j", (text) => {
    expect(() => decodeCheckpoint(bytes(text))).toThrow(TypeError);
  });

  it("never shows what it could not read", () => {
    expect(() => decodeCheckpoint(bytes("secret"))).toThrow(/^checkpoint is not one that a mirror has made$/);
    expect(() => decodeCheckpoint("{}" as never)).toThrow(/^checkpoint must be a Uint8Array$/);
  });

  it.each([
    [undefined, TypeError, "checkpoint must be"],
    [{ revision: 1 }, TypeError, "checkpoint.revision"],
    [{ revision: -1n }, RangeError, "checkpoint.revision"],
    [{ revision: 1n, clusterId: 1 }, TypeError, "checkpoint.clusterId"],
    [{ revision: 1n, witness: { key: "k" } }, TypeError, "checkpoint.witness"],
  ])("is refused when it is %o", (value, error, named) => {
    const act = (): unknown => encodeCheckpoint(value as never);
    expect(act).toThrow(error);
    expect(act).toThrow(named);
  });
});
