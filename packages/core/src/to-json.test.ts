import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ResponseHeaderSchema } from "./gen/etcdserverpb/rpc_pb.js";
import { KeyValueSchema } from "./gen/mvccpb/kv_pb.js";
import { toJson } from "./to-json.js";

describe("toJson", () => {
  it("writes a result with decimal strings for bigint, base64 for bytes, and no generated names", () => {
    const result = {
      header: create(ResponseHeaderSchema, { clusterId: 2n ** 64n - 1n, revision: 5n }),
      kvs: [
        create(KeyValueSchema, { key: Uint8Array.of(0, 0xff), value: new Uint8Array(), modRevision: 5n }),
      ],
      more: false,
      count: 1,
      prevKv: undefined,
      note: null,
    };
    const json = toJson(result);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json).toEqual({
      header: { clusterId: "18446744073709551615", memberId: "0", revision: "5", raftTerm: "0" },
      kvs: [{ key: "AP8=", value: "", createRevision: "0", modRevision: "5", version: "0", lease: "0" }],
      more: false,
      count: 1,
      note: null,
    });
  });

  it("copies: what it returns shares nothing with the result", () => {
    const kvs = [{ key: Uint8Array.of(1) }];
    const json = toJson({ kvs });
    kvs.pop();
    expect(json).toEqual({ kvs: [{ key: "AQ==" }] });
  });

  it.each([
    ["function", () => 1],
    ["symbol", Symbol("s")],
    ["number", Number.NaN],
    ["undefined", undefined],
  ])("refuses %s", (type, value) => {
    expect(() => toJson([value])).toThrow(
      new TypeError(`result contains a ${type} that JSON cannot express`),
    );
  });
});
