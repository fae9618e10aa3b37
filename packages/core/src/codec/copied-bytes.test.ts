import { create, fromBinary, toBinary, type UnknownField } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RangeResponseSchema } from "../gen/etcdserverpb/rpc_pb.js";
import { codecFor } from "./index.js";

const codec = codecFor(RangeResponseSchema);
if (codec === undefined) throw new Error("there is no codec");
const read = (source: Buffer): ReturnType<typeof fromBinary<typeof RangeResponseSchema>> =>
  // The codec is that of the schema.
  codec.read(source, 0, source.length) as ReturnType<typeof fromBinary<typeof RangeResponseSchema>>;

const lengths = [0, 1, 32, 33, 64, 65, 100, 1000, 4095, 4096, 5000, 16_384, 16_385, 40_000];

const unknownField = { no: 99, wireType: 2, data: new Uint8Array(300) };
unknownField.data.set([0xaa, 0x02]);

function answer(sizes: readonly number[], $unknown: UnknownField[] = [unknownField]): Buffer {
  const kvs = sizes.map((size, index) => ({
    key: new Uint8Array(index % 80).fill(index),
    value: new Uint8Array(size).fill(index + 1),
  }));
  return Buffer.from(toBinary(RangeResponseSchema, { ...create(RangeResponseSchema, { kvs }), $unknown }));
}

describe("The bytes of a message that was read", () => {
  const sizes = Array.from({ length: 300 }, (_, index) => lengths[(index * 5) % lengths.length] ?? 0);

  it("do not change with the buffer that it was read from", () => {
    const source = answer(sizes);
    const reference = fromBinary(RangeResponseSchema, new Uint8Array(source));
    const message = read(source);
    source.fill(0xff);
    expect(message).toStrictEqual(reference);
  });

  it("are plain arrays, not Node's buffers", () => {
    const { kvs, $unknown } = read(answer(sizes));
    for (const { key, value } of kvs) {
      expect(Object.getPrototypeOf(key)).toBe(Uint8Array.prototype);
      expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
    }
    expect(Object.getPrototypeOf($unknown?.[0]?.data)).toBe(Uint8Array.prototype);
  });

  it("keep at most 16 KiB of their message in memory, from 4 KiB on nothing but themselves", () => {
    const message = read(answer(sizes));
    for (const { key, value } of message.kvs) {
      for (const bytes of [key, value]) {
        expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(16_384, bytes.length));
        if (bytes.length >= 4096) expect(bytes.buffer.byteLength).toBe(bytes.length);
      }
    }
  });

  it("keep nothing but themselves in memory if they are the only value of their message", () => {
    for (const size of [0, 1, 64, 65, 256, 4095]) {
      const [kv] = read(answer([size], [])).kvs;
      expect(kv?.value.buffer.byteLength).toBe(size);
    }
  });

  it("share no memory with another message's", () => {
    const source = answer(sizes);
    const buffersOf = (): Set<ArrayBufferLike> =>
      new Set(
        read(source).kvs.flatMap(({ key, value }) =>
          [key, value].filter(({ length }) => length > 0).map(({ buffer }) => buffer),
        ),
      );
    expect(buffersOf().intersection(buffersOf()).size).toBe(0);
  });

  it("do not overlap", () => {
    const message = read(answer(sizes));
    const reference = structuredClone(message.kvs.map(({ value }) => value));
    for (const { key } of message.kvs) key.fill(0xee);
    expect(message.kvs.map(({ value }) => value)).toEqual(reference);
  });

  it("are whole wherever the stretch ends that was copied with them", () => {
    for (let last = 65; last < 365; last++) {
      const { kvs } = read(answer([100, 4000, 4000, 4000, 4000, last]));
      expect(kvs.at(-1)?.value).toStrictEqual(new Uint8Array(last).fill(6));
    }
  });
});
