import { type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { message } from "../../test/arbitrary-message.js";
import { codecs as rpcCodecs } from "../gen/etcdserverpb/rpc_codec.js";
import {
  RangeResponseSchema,
  RequestOpSchema,
  TxnRequestSchema,
  TxnResponseSchema,
  WatchCreateRequestSchema,
} from "../gen/etcdserverpb/rpc_pb.js";
import { codecs as kvCodecs } from "../gen/mvccpb/kv_codec.js";
import { KeyValueSchema } from "../gen/mvccpb/kv_pb.js";
import { codecFor } from "./index.js";

const schemas = [...kvCodecs, ...rpcCodecs].map(({ desc }) => [desc.name, desc] as const);

function attempt<T>(read: () => T): { value: T } | { rejected: true } {
  try {
    return { value: read() };
  } catch {
    return { rejected: true };
  }
}

/** Both codecs take the bytes and make the same of them, or both refuse them. Returns whether they took them. */
function agree(desc: DescMessage, bytes: Uint8Array): boolean {
  // What follows on the connection would continue a message that is cut off.
  const source = Buffer.concat([bytes, Buffer.from([0x01, 0x0a, 0x01, 0x08, 0x01])]);
  const ours = attempt(() => codecFor(desc)?.read(source, 0, bytes.length));
  const reference = attempt(() => fromBinary(desc, new Uint8Array(bytes)));
  expect(ours).toStrictEqual(reference);
  return "value" in ours;
}

/** Tags that are likely to be of use, each before something that may be its value. */
function records(desc: DescMessage): fc.Arbitrary<Uint8Array> {
  const number = fc.oneof(
    fc.constantFrom(1, ...desc.fields.map((field) => field.number)),
    fc.constantFrom(15, 16, 2 ** 29 - 1),
  );
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc.uint8Array({ maxLength: 10 }).map((bytes) => new BinaryWriter().bytes(bytes).finish()),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => new BinaryWriter().uint64(value).finish()),
    fc
      .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 255 }))
      .map(([length, last]) => Uint8Array.from([...new Array<number>(length).fill(0x80), last])),
  );
  const tag = fc.tuple(number, fc.integer({ min: 0, max: 7 })).map(([no, wireType]) => [no * 8 + wireType]);
  return fc
    .array(fc.tuple(tag, content), { maxLength: 6 })
    .map((list) =>
      Uint8Array.from(
        list.flatMap(([tags, value]) => [
          ...tags.flatMap((each) => [...new BinaryWriter().uint32(each).finish()]),
          ...value,
        ]),
      ),
    );
}

type Change = (bytes: Uint8Array) => Uint8Array;

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), fc.nat(7)).map(
    ([at, bit]): Change =>
      (bytes) => {
        const copy = bytes.slice();
        const index = at % Math.max(1, bytes.length);
        if (index < copy.length) copy[index] = (copy[index] ?? 0) ^ (1 << bit);
        return copy;
      },
  ),
  fc.tuple(fc.nat(), fc.nat(255)).map(
    ([at, byte]): Change =>
      (bytes) => {
        const index = at % (bytes.length + 1);
        return Uint8Array.from([...bytes.subarray(0, index), byte, ...bytes.subarray(index)]);
      },
  ),
  fc.nat().map(
    (at): Change =>
      (bytes) =>
        bytes.slice(0, at % (bytes.length + 1)),
  ),
  fc.nat().map(
    (at): Change =>
      (bytes) => {
        const from = at % (bytes.length + 1);
        return Uint8Array.from([...bytes, ...bytes.subarray(from)]);
      },
  ),
);

describe.each(schemas)("For %s the generated codec agrees with protobuf-es on", (_name, desc) => {
  it("any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void agree(desc, bytes)),
      { numRuns: 200 },
    );
  });

  it("any sequence of tags and values", () => {
    fc.assert(
      fc.property(records(desc), (bytes) => void agree(desc, bytes)),
      { numRuns: 300 },
    );
  });

  it("messages that were changed on their way", () => {
    const changed = fc
      .tuple(message(desc), fc.array(changes, { minLength: 1, maxLength: 3 }))
      .map(([value, list]) =>
        list.reduce<Uint8Array>((bytes, change) => change(bytes), toBinary(desc, value)),
      );
    fc.assert(
      fc.property(changed, (bytes) => void agree(desc, bytes)),
      { numRuns: 100 },
    );
  });

  it("every beginning of a message, and two messages in a row", () => {
    fc.assert(
      fc.property(message(desc), message(desc), (first, second) => {
        const bytes = toBinary(desc, first);
        const step = Math.max(1, Math.floor(bytes.length / 50));
        for (let length = 0; length < bytes.length; length += step) agree(desc, bytes.subarray(0, length));
        expect(agree(desc, new Uint8Array(Buffer.concat([bytes, toBinary(desc, second)])))).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
});

/** Requests and operations in turn, `depth` messages in all. */
function nested(depth: number): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let level = depth - 1; level > 0; level--) {
    // TxnRequest.success is field 2, RequestOp.request_txn field 4.
    bytes = new BinaryWriter()
      .tag(level % 2 === 1 ? 2 : 4, WireType.LengthDelimited)
      .bytes(bytes)
      .finish();
  }
  return bytes;
}

function groups(depth: number): Uint8Array {
  return Uint8Array.from([...new Array<number>(depth).fill(0x7b), ...new Array<number>(depth).fill(0x7c)]);
}

describe("The generated codec", () => {
  it("reads messages a hundred deep and refuses more, with the words of protobuf-es", () => {
    expect(agree(TxnRequestSchema, nested(100))).toBe(true);
    expect(agree(TxnRequestSchema, nested(101))).toBe(false);
    const deep = Buffer.from(nested(2000));
    let message = "";
    try {
      fromBinary(TxnRequestSchema, deep);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/maximum recursion depth of 100 reached/);
    expect(() => codecFor(TxnRequestSchema)?.read(deep, 0, deep.length)).toThrow(
      message.replace("Error: ", ""),
    );
  });

  it("counts unknown groups as messages", () => {
    expect(agree(KeyValueSchema, groups(99))).toBe(true);
    expect(agree(KeyValueSchema, groups(100))).toBe(false);
    const header = new BinaryWriter().tag(1, WireType.LengthDelimited);
    expect(agree(RangeResponseSchema, header.bytes(groups(98)).finish())).toBe(true);
    expect(
      agree(
        RangeResponseSchema,
        header.bytes(groups(98)).tag(1, WireType.LengthDelimited).bytes(groups(99)).finish(),
      ),
    ).toBe(false);
  });

  const rows: readonly (readonly [
    what: string,
    desc: DescMessage,
    bytes: readonly number[],
    taken: boolean,
  ])[] = [
    ["field 0", KeyValueSchema, [0x00, 0x00], false],
    ["wire type 6", KeyValueSchema, [0x0e, 0x00], false],
    ["wire type 7 of an unknown field", KeyValueSchema, [0x7f, 0x00], false],
    ["a tag of five bytes and 32 bits", KeyValueSchema, [0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01], true],
    ["a tag of more than 32 bits", KeyValueSchema, [0xf8, 0xff, 0xff, 0xff, 0x1f, 0x01], false],
    ["a tag of six bytes", KeyValueSchema, [0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01], false],
    ["a tag with idle bytes", KeyValueSchema, [0x90, 0x80, 0x00, 0x05], true],
    ["a tag alone", KeyValueSchema, [0x0a], false],
    ["half a tag", KeyValueSchema, [0x80], false],
    ["a length beyond the end", KeyValueSchema, [0x0a, 0x02, 0x61], false],
    ["a length of 2^32 - 1", KeyValueSchema, [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], false],
    [
      "a length whose upper bits are lost",
      KeyValueSchema,
      [0x0a, 0x81, 0x80, 0x80, 0x80, 0xf0, 0x01, 0x61],
      true,
    ],
    ["a length of eleven bytes", KeyValueSchema, [0x0a, ...new Array<number>(10).fill(0x80), 0x00], false],
    ["an int64 of ten bytes", KeyValueSchema, [0x10, ...new Array<number>(9).fill(0xff), 0x7f], true],
    ["an int64 of eleven bytes", KeyValueSchema, [0x10, ...new Array<number>(10).fill(0xff), 0x01], false],
    [
      "an unknown varint of eleven bytes",
      KeyValueSchema,
      [0x78, ...new Array<number>(10).fill(0xff), 0x01],
      true,
    ],
    ["an unknown varint that does not end", KeyValueSchema, [0x78, 0xff, 0xff], false],
    ["an unknown fixed64 that is cut", KeyValueSchema, [0x79, 1, 2, 3, 4, 5, 6, 7], false],
    ["an unknown fixed32 that is cut", KeyValueSchema, [0x7d, 1, 2, 3], false],
    ["a known field with another wire type", KeyValueSchema, [0x0d, 0x01, 0x61], true],
    ["the end of a group that has not begun", KeyValueSchema, [0x7c], false],
    ["the end of another group", KeyValueSchema, [0x7b, 0x84, 0x01], false],
    ["a group without end", KeyValueSchema, [0x7b, 0x08, 0x01], false],
    ["an inner message beyond the end", RangeResponseSchema, [0x0a, 0x05, 0x08, 0x01], false],
    [
      "an inner message whose last field leaves it",
      RangeResponseSchema,
      [0x12, 0x02, 0x0a, 0x03, 0x18, 0x01, 0x20, 0x20, 0x07],
      true,
    ],
    [
      "a packed list whose last item leaves it",
      WatchCreateRequestSchema,
      [0x2a, 0x01, 0x80, 0x01, 0x30, 0x01],
      true,
    ],
    ["a packed list beyond the end", WatchCreateRequestSchema, [0x2a, 0x03, 0x01], false],
    ["a bool of two bytes that is false", RangeResponseSchema, [0x18, 0x80, 0x00], true],
    [
      "a oneof that changes its case and returns",
      RequestOpSchema,
      [0x12, 0x02, 0x18, 0x05, 0x1a, 0x00, 0x12, 0x02, 0x20, 0x01],
      true,
    ],
    [
      "a oneof message that comes in parts",
      RequestOpSchema,
      [0x12, 0x02, 0x18, 0x05, 0x12, 0x02, 0x20, 0x01],
      true,
    ],
    ["an answer inside an answer", TxnResponseSchema, [0x1a, 0x04, 0x22, 0x02, 0x10, 0x01], true],
  ];

  it.each(rows)("judges as protobuf-es does: %s", (_what, desc, bytes, taken) => {
    expect(agree(desc, Uint8Array.from(bytes))).toBe(taken);
  });

  it("refuses an end beyond the buffer", () => {
    expect(() => codecFor(KeyValueSchema)?.read(Buffer.of(0x0a), 0, 2)).toThrow(RangeError);
  });
});
