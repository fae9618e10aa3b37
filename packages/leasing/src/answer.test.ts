import { type KeyValue, op, type ResponseHeader } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { answerRange, copyHeader, copyPair, innerHeader } from "./answer.js";

const header: ResponseHeader = {
  $typeName: "etcdserverpb.ResponseHeader",
  clusterId: 1n,
  memberId: 2n,
  revision: 9n,
  raftTerm: 4n,
};
const pair: KeyValue = {
  $typeName: "mvccpb.KeyValue",
  key: toBytes("k", "key"),
  value: toBytes("v", "value"),
  createRevision: 3n,
  modRevision: 5n,
  version: 2n,
  lease: 7n,
};

describe("copies", () => {
  // client/v3/leasing/util_test.go:TestCopyHeader
  it("of a header have all its fields, and are another object", () => {
    expect(copyHeader(header)).toEqual(header);
    expect(copyHeader(header)).not.toBe(header);
    expect(innerHeader(9n)).toMatchObject({ clusterId: 0n, memberId: 0n, revision: 9n, raftTerm: 0n });
  });

  // client/v3/leasing/util_test.go:TestCopyKeyValue
  it("of a pair have all its fields, and share no bytes with it", () => {
    const copy = copyPair(pair);
    expect(copy).toEqual(pair);
    copy.key.fill(0);
    copy.value.fill(0);
    expect(pair).toMatchObject({ key: toBytes("k", "key"), value: toBytes("v", "value") });
    expect(copyPair(pair, true)).toEqual({ ...pair, value: new Uint8Array() });
  });
});

describe("an answer from memory", () => {
  // client/v3/leasing/util_test.go:TestCopyGetResponseMetadataOnly
  it("has the header that it is given, one pair or none, and never more", () => {
    const answer = answerRange(op.range("k"), header, pair);
    expect(answer).toEqual({ header, kvs: [pair], more: false, count: 1 });
    expect(answer.header).not.toBe(header);
    expect(answerRange(op.range("k"), header, undefined)).toEqual({ header, kvs: [], more: false, count: 0 });
  });

  it.each([
    [{ countOnly: true }, 0],
    [{ minModRevision: 5n }, 1],
    [{ minModRevision: 6n }, 0],
    [{ maxModRevision: 5n }, 1],
    [{ maxModRevision: 4n }, 0],
    [{ minCreateRevision: 3n }, 1],
    [{ minCreateRevision: 4n }, 0],
    [{ maxCreateRevision: 3n }, 1],
    [{ maxCreateRevision: 2n }, 0],
    [{ limit: 1, sort: { by: "value" } }, 1],
  ] as const)("heeds what leaves pairs out, which count all the same: %o", (options, shown) => {
    const { kvs, count } = answerRange(op.range("k", options), header, pair);
    expect([kvs.length, count]).toEqual([shown, 1]);
  });

  it("leaves the value out with keysOnly", () => {
    expect(answerRange(op.range("k", { keysOnly: true }), header, pair).kvs).toEqual([
      { ...pair, value: new Uint8Array() },
    ]);
  });
});
