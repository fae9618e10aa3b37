import { create, fromBinary, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { initShape, message } from "../../test/arbitrary-message.js";
import { codecs as rpcCodecs } from "../gen/etcdserverpb/rpc_codec.js";
import {
  AuthenticateRequestSchema,
  PutRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
  WatchCreateRequestSchema,
  WatchResponseSchema,
} from "../gen/etcdserverpb/rpc_pb.js";
import { codecs as kvCodecs } from "../gen/mvccpb/kv_codec.js";
import { codecFor, type MessageCodec } from "./index.js";

const codecs = [...kvCodecs, ...rpcCodecs].map((codec) => [codec.desc.name, codec] as const);

function encode(codec: MessageCodec, value: Message | Record<string, unknown>): Uint8Array {
  const margin = 3;
  const size = codec.size(value);
  const target = Buffer.alloc(size + 2 * margin, 0xee);
  codec.write(value, target, margin);
  expect(target.subarray(0, margin).every((byte) => byte === 0xee)).toBe(true);
  expect(target.subarray(size + margin).every((byte) => byte === 0xee)).toBe(true);
  return new Uint8Array(target.subarray(margin, margin + size));
}

function decode(codec: MessageCodec, bytes: Uint8Array): Message {
  // In the middle of other bytes, as on a connection.
  const source = Buffer.concat([Buffer.alloc(5, 0x0a), bytes, Buffer.alloc(5, 0x0a)]);
  const value = codec.read(source, 5, 5 + bytes.length);
  source.fill(0xff);
  return value;
}

describe("codecFor", () => {
  it("knows the messages of busy calls and what they contain", () => {
    expect(codecs.map(([name]) => name).toSorted()).toEqual([
      "CompactionRequest",
      "CompactionResponse",
      "Compare",
      "DeleteRangeRequest",
      "DeleteRangeResponse",
      "Event",
      "KeyValue",
      "LeaseKeepAliveRequest",
      "LeaseKeepAliveResponse",
      "PutRequest",
      "PutResponse",
      "RangeRequest",
      "RangeResponse",
      "RangeStreamResponse",
      "RequestOp",
      "ResponseHeader",
      "ResponseOp",
      "TxnRequest",
      "TxnResponse",
      "WatchCancelRequest",
      "WatchCreateRequest",
      "WatchProgressRequest",
      "WatchRequest",
      "WatchResponse",
    ]);
    expect(codecFor(PutRequestSchema)?.desc).toBe(PutRequestSchema);
  });

  it("leaves other messages to protobuf-es", () => {
    expect(codecFor(AuthenticateRequestSchema)).toBeUndefined();
  });
});

describe.each(codecs)("The codec of %s", (_name, codec) => {
  it("writes the bytes of protobuf-es, and reads them as it does", () => {
    fc.assert(
      fc.property(message(codec.desc), (value) => {
        const bytes = toBinary(codec.desc, value);
        expect(encode(codec, value)).toStrictEqual(bytes);
        const reference = fromBinary(codec.desc, bytes);
        const read = decode(codec, bytes);
        expect(read).toStrictEqual(reference);
        expect(Object.keys(read)).toEqual(Object.keys(reference));
      }),
      { numRuns: 150 },
    );
  });

  it("writes what a message can be created from", () => {
    fc.assert(
      fc.property(initShape(codec.desc), (init) => {
        expect(encode(codec, init)).toStrictEqual(toBinary(codec.desc, create(codec.desc, init)));
      }),
      { numRuns: 150 },
    );
  });

  it("reads nothing as the empty message", () => {
    expect(decode(codec, new Uint8Array(0))).toStrictEqual(create(codec.desc));
  });
});

describe("A generated codec", () => {
  const put = codecFor(PutRequestSchema);
  const txn = codecFor(TxnRequestSchema);
  if (put === undefined || txn === undefined) throw new Error("there are no codecs");

  /** What only a caller without types can pass. */
  const untyped = (init: Record<string, unknown>): MessageInitShape<typeof PutRequestSchema> => init;

  it("takes bytes as a plain array, and null as nothing, as protobuf-es does", () => {
    const init = untyped({ key: [1, 2, 255], value: null, lease: null });
    expect(encode(put, init)).toStrictEqual(toBinary(PutRequestSchema, create(PutRequestSchema, init)));
  });

  it("takes a 64-bit integer as a number or as text, as protobuf-es does", () => {
    for (const lease of [0, 7, "0", "7", "-1"]) {
      const init = untyped({ lease });
      expect(encode(put, init)).toStrictEqual(toBinary(PutRequestSchema, create(PutRequestSchema, init)));
    }
  });

  it("writes unknown fields of messages only, as protobuf-es does", () => {
    const $unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(1) }];
    for (const value of [untyped({ $unknown }), { ...create(PutRequestSchema), $unknown }]) {
      expect(encode(put, value)).toStrictEqual(toBinary(PutRequestSchema, create(PutRequestSchema, value)));
    }
  });

  it.each([
    [{ key: "text" }, new TypeError("PutRequest.key must be a Uint8Array")],
    [{ key: 5 }, new TypeError("PutRequest.key must be a Uint8Array")],
    [{ lease: 2n ** 63n }, new RangeError("PutRequest.lease must fit in 64 bits")],
    [{ lease: -(2n ** 63n) - 1n }, new RangeError("PutRequest.lease must fit in 64 bits")],
    [{ lease: 2n ** 64n }, new RangeError("PutRequest.lease must fit in 64 bits")],
  ])("refuses %o", (init, error) => {
    expect(() => put.size(untyped(init))).toThrow(error);
  });

  it("names the field of an inner message that cannot be written", () => {
    const init = { success: [{ request: { case: "requestRange", value: { sortOrder: 0.5 } } }] };
    expect(() => txn.size(init)).toThrow(
      new RangeError("RangeRequest.sortOrder must be an integer of 32 bits"),
    );
    const sortTarget = { success: [{ request: { case: "requestRange", value: { sortTarget: "KEY" } } }] };
    expect(() => txn.size(sortTarget)).toThrow(new TypeError("RangeRequest.sortTarget must be a number"));
  });

  it("measures the next message as if the one before had not failed", () => {
    expect(() =>
      txn.size({ success: [{ request: { case: "requestPut", value: { lease: 2n ** 63n } } }] }),
    ).toThrow();
    const init = { success: [{ request: { case: "requestPut", value: { lease: 5n } } }] };
    expect(encode(txn, init)).toStrictEqual(
      toBinary(TxnRequestSchema, create(TxnRequestSchema, init as object)),
    );
  });

  it("notices a message that changes between its size and its bytes", () => {
    const value = create(PutRequestSchema, { key: Uint8Array.of(1) });
    const size = put.size(value);
    value.key = new Uint8Array(10);
    expect(() => put.write(value, Buffer.alloc(size + 20), 0)).toThrow(
      new TypeError("message: changed while it was encoded"),
    );
  });

  it("reads a list of enums that is packed, one that is not, and both in one", () => {
    const codec = codecFor(WatchCreateRequestSchema);
    for (const bytes of [
      [0x2a, 2, 0, 1],
      [0x28, 0, 0x28, 1],
      [0x28, 0, 0x2a, 1, 1],
      [0x2a, 0],
    ]) {
      const wire = Uint8Array.from(bytes);
      expect(codec && decode(codec, wire)).toStrictEqual(fromBinary(WatchCreateRequestSchema, wire));
    }
  });

  it("merges an inner message that comes in parts", () => {
    const parts = [
      { header: { revision: 5n, clusterId: 1n } },
      { header: { revision: 6n }, kvs: [{ key: Uint8Array.of(1) }] },
      { header: { memberId: 9n }, kvs: [{ key: Uint8Array.of(2) }] },
    ];
    const wire = Buffer.concat(
      parts.map((part) => toBinary(RangeResponseSchema, create(RangeResponseSchema, part))),
    );
    const codec = codecFor(RangeResponseSchema);
    const read = codec && decode(codec, wire);
    expect(read).toStrictEqual(fromBinary(RangeResponseSchema, new Uint8Array(wire)));
    expect(read).toMatchObject({ header: { revision: 6n, clusterId: 1n, memberId: 9n }, kvs: [{}, {}] });
  });

  it("keeps a byte order mark, and refuses text that is not UTF-8", () => {
    const codec = codecFor(WatchResponseSchema);
    if (codec === undefined) throw new Error("there is no codec");
    const wire = Uint8Array.of(0x32, 4, 0xef, 0xbb, 0xbf, 0x61);
    expect(decode(codec, wire)).toMatchObject({ cancelReason: "\uFEFFa" });
    expect(() => decode(codec, Uint8Array.of(0x32, 1, 0xff))).toThrow(TypeError);
  });
});
