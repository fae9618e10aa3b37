import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createRouterTransport,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  type BranchOp,
  compare,
  connect,
  type Kv,
  type Op,
  op,
  outcomeOf,
  type TxnResult,
} from "@etcdkit/core";
import {
  type CompactionRequest,
  CompactionRequestSchema,
  CompactionResponseSchema,
  Compare_CompareResult,
  Compare_CompareTarget,
  type DeleteRangeRequest,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  KV,
  type PutRequest,
  PutRequestSchema,
  PutResponseSchema,
  type RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  RangeRequestSchema,
  RangeResponseSchema,
  type TxnRequest,
  TxnRequestSchema,
  TxnResponseSchema,
} from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { createKv } from "./create-kv.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const header = { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n };
const noHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };

type Request = RangeRequest | PutRequest | DeleteRangeRequest | TxnRequest | CompactionRequest;

interface Fake {
  readonly kv: Kv;
  /** What the server was sent. */
  readonly requests: Request[];
  readonly contexts: HandlerContext[];
}

/** A server that remembers requests and answers as told; without an answer, with an empty one. */
function fake(answers: Partial<ServiceImpl<typeof KV>> = {}): Fake {
  const requests: Request[] = [];
  const contexts: HandlerContext[] = [];
  const remember =
    <Answer>(answer: Answer) =>
    (request: Request, context: HandlerContext): Answer => {
      requests.push(request);
      contexts.push(context);
      return answer;
    };
  const transport = createRouterTransport(({ service }) => {
    service(KV, {
      range: remember(create(RangeResponseSchema)),
      put: remember(create(PutResponseSchema)),
      deleteRange: remember(create(DeleteRangeResponseSchema)),
      txn: remember(create(TxnResponseSchema, { succeeded: true })),
      compact: remember(create(CompactionResponseSchema)),
      ...answers,
    });
  });
  const connection = connect({ endpoints: "http://fake:2379", transport: () => transport });
  return { kv: createKv(connection), requests, contexts };
}

describe("a range request", () => {
  it.each<[Op, MessageInitShape<typeof RangeRequestSchema>]>([
    [op.range("foo"), { key: text("foo") }],
    [op.range({ prefix: "foo" }), { key: text("foo"), rangeEnd: text("fop") }],
    [op.range({ from: "foo" }), { key: text("foo"), rangeEnd: Uint8Array.of(0) }],
    [
      op.range("foo", { limit: 5, revision: 2n ** 63n - 1n }),
      { key: text("foo"), limit: 5n, revision: 2n ** 63n - 1n },
    ],
    [
      op.range("foo", { serializable: true, keysOnly: true, countOnly: true }),
      { key: text("foo"), serializable: true, keysOnly: true, countOnly: true },
    ],
    [
      op.range("foo", {
        minModRevision: 1n,
        maxModRevision: 2n,
        minCreateRevision: 3n,
        maxCreateRevision: 4n,
      }),
      {
        key: text("foo"),
        minModRevision: 1n,
        maxModRevision: 2n,
        minCreateRevision: 3n,
        maxCreateRevision: 4n,
      },
    ],
    // op_test.go:TestOpWithSort
    [
      op.range("foo", { sort: { by: "key", order: "ascending" }, limit: 10 }),
      { key: text("foo"), limit: 10n },
    ],
    ...(["key", "version", "created", "modified", "value"] as const).map(
      (by, i): [Op, MessageInitShape<typeof RangeRequestSchema>] => [
        op.range("foo", { sort: { by, order: "descending" } }),
        {
          key: text("foo"),
          sortOrder: RangeRequest_SortOrder.DESCEND,
          sortTarget: i as RangeRequest_SortTarget,
        },
      ],
    ),
    [
      op.range("foo", { first: "modified" }),
      {
        key: text("foo"),
        limit: 1n,
        sortOrder: RangeRequest_SortOrder.ASCEND,
        sortTarget: RangeRequest_SortTarget.MOD,
      },
    ],
  ])("says what %o says", async (asked, expected) => {
    const { kv, requests } = fake();
    await kv.execute(asked);
    expect(requests).toEqual([create(RangeRequestSchema, expected)]);
  });
});

describe("other requests", () => {
  it.each<[Op, Request]>([
    [op.put("foo", "bar"), create(PutRequestSchema, { key: text("foo"), value: text("bar") })],
    [
      op.put("foo", "bar", { leaseId: -(2n ** 63n), prevKv: true }),
      create(PutRequestSchema, { key: text("foo"), value: text("bar"), lease: -(2n ** 63n), prevKv: true }),
    ],
    [
      op.put("foo", undefined, { ignoreValue: true, ignoreLease: true }),
      create(PutRequestSchema, { key: text("foo"), ignoreValue: true, ignoreLease: true }),
    ],
    [op.delete("foo"), create(DeleteRangeRequestSchema, { key: text("foo") })],
    [
      op.delete({ prefix: "foo" }, { prevKv: true }),
      create(DeleteRangeRequestSchema, { key: text("foo"), rangeEnd: text("fop"), prevKv: true }),
    ],
    // compact_op_test.go:TestCompactOp
    [
      op.compact(100n, { physical: true }),
      create(CompactionRequestSchema, { revision: 100n, physical: true }),
    ],
    [op.compact(5n), create(CompactionRequestSchema, { revision: 5n })],
    [op.txn({}), create(TxnRequestSchema)],
  ])("say what %o says", async (asked, expected) => {
    const { kv, requests } = fake();
    await kv.execute(asked);
    expect(requests).toEqual([expected]);
  });

  it("carry a transaction with everything in it, in order", async () => {
    const requests: TxnRequest[] = [];
    const { kv } = fake({
      txn: (request) => {
        requests.push(request);
        return answerTo(request);
      },
    });
    await kv.txn({
      compare: [
        compare.value("a").greaterThan("v"),
        compare.version("a").equals(1n),
        compare.createRevision("a").notEquals(2n),
        compare.modRevision({ prefix: "a" }).lessThan(3n),
        compare.lease({ prefix: "" }).equals(4n),
      ],
      success: [op.put("a", "1"), op.txn({ success: [op.range("b")], failure: [op.delete("c")] })],
      failure: [op.range("d")],
    });
    const { EQUAL, GREATER, LESS, NOT_EQUAL } = Compare_CompareResult;
    const { CREATE, LEASE, MOD, VALUE, VERSION } = Compare_CompareTarget;
    const zero = Uint8Array.of(0);
    expect(requests).toEqual([
      create(TxnRequestSchema, {
        compare: [
          {
            key: text("a"),
            result: GREATER,
            target: VALUE,
            targetUnion: { case: "value", value: text("v") },
          },
          { key: text("a"), result: EQUAL, target: VERSION, targetUnion: { case: "version", value: 1n } },
          {
            key: text("a"),
            result: NOT_EQUAL,
            target: CREATE,
            targetUnion: { case: "createRevision", value: 2n },
          },
          {
            key: text("a"),
            rangeEnd: text("b"),
            result: LESS,
            target: MOD,
            targetUnion: { case: "modRevision", value: 3n },
          },
          {
            key: zero,
            rangeEnd: zero,
            result: EQUAL,
            target: LEASE,
            targetUnion: { case: "lease", value: 4n },
          },
        ],
        success: [
          { request: { case: "requestPut", value: { key: text("a"), value: text("1") } } },
          {
            request: {
              case: "requestTxn",
              value: {
                success: [{ request: { case: "requestRange", value: { key: text("b") } } }],
                failure: [{ request: { case: "requestDeleteRange", value: { key: text("c") } } }],
              },
            },
          },
        ],
        failure: [{ request: { case: "requestRange", value: { key: text("d") } } }],
      }),
    ]);
  });

  it.each<[string, unknown, string]>([
    ["no op", undefined, ""],
    ["an unknown type", { type: "increment" }, "op must be a range, put, delete, txn or compact op"],
    ["a string as key", { type: "range", key: "foo" }, "op.key must be a Uint8Array"],
    [
      "a string as end",
      { type: "delete", key: text("a"), rangeEnd: "b" },
      "op.rangeEnd must be a Uint8Array",
    ],
    ["a string as value", { type: "put", key: text("a"), value: "b" }, "op.value must be a Uint8Array"],
  ])("are not sent for an op made by hand with %s", async (_, asked, message) => {
    const { kv, requests } = fake();
    const rejection = await kv.execute(asked as Op).catch((error: unknown) => error);
    expect(rejection).toBeInstanceOf(TypeError);
    expect(String(rejection)).toContain(message);
    expect(requests).toEqual([]);
  });
});

/** Answers each operation of the success list with an empty answer of its kind. */
function answerTo(request: TxnRequest): MessageInitShape<typeof TxnResponseSchema> {
  return {
    succeeded: true,
    responses: request.success.map(({ request: one }) => {
      switch (one.case) {
        case "requestRange":
          return { response: { case: "responseRange", value: {} } };
        case "requestPut":
          return { response: { case: "responsePut", value: {} } };
        case "requestDeleteRange":
          return { response: { case: "responseDeleteRange", value: {} } };
        case "requestTxn":
          return { response: { case: "responseTxn", value: answerTo(one.value) } };
        default:
          throw new ConnectError("etcdserver: key not found", Code.InvalidArgument);
      }
    }),
  };
}

describe("an answer", () => {
  const found = {
    key: text("a"),
    value: text("1"),
    createRevision: 1n,
    modRevision: 2n,
    version: 2n,
    lease: 7n,
  };

  it("is the server's, with counts as numbers", async () => {
    const { kv } = fake({
      range: () => ({ header, kvs: [found], more: true, count: 12n }),
      put: () => ({ header, prevKv: found }),
      deleteRange: () => ({ header, deleted: 3n, prevKvs: [found] }),
      compact: () => ({ header }),
    });
    await expect(kv.range("a")).resolves.toMatchObject({ header, kvs: [found], more: true, count: 12 });
    await expect(kv.get("a")).resolves.toMatchObject(found);
    await expect(kv.put("a", "2")).resolves.toMatchObject({ header, prevKv: found });
    await expect(kv.delete("a")).resolves.toMatchObject({ header, deleted: 3, prevKvs: [found] });
    await expect(kv.compact(1n)).resolves.toMatchObject({ header });
  });

  it("has a header of zeros where the server sent none, and no prevKv", async () => {
    const { kv } = fake();
    await expect(kv.range("a")).resolves.toMatchObject({ header: noHeader, kvs: [], more: false, count: 0 });
    await expect(kv.delete("a")).resolves.toMatchObject({ header: noHeader, deleted: 0, prevKvs: [] });
    await expect(kv.txn({})).resolves.toMatchObject({ header: noHeader, succeeded: true, responses: [] });
    await expect(kv.compact(1n)).resolves.toMatchObject({ header: noHeader });
    const put = await kv.put("a", "1");
    expect([put.header, "prevKv" in put]).toMatchObject([noHeader, false]);
  });

  it("to a transaction has one part for each operation of the list that was done", async () => {
    const { kv } = fake({
      txn: () => ({
        header,
        succeeded: false,
        responses: [
          { response: { case: "responseRange", value: { count: 1n, kvs: [found] } } },
          {
            response: {
              case: "responseTxn",
              value: {
                succeeded: true,
                responses: [{ response: { case: "responseDeleteRange", value: { deleted: 2n } } }],
              },
            },
          },
        ],
      }),
    });
    const result = await kv.txn({
      success: [op.put("never", "")],
      failure: [op.range("a"), op.txn({ success: [op.delete("b")] })],
    });
    expect(result).toMatchObject({
      header,
      succeeded: false,
      responses: [
        { count: 1, kvs: [found] },
        { succeeded: true, responses: [{ deleted: 2, header: noHeader }] },
      ],
    });
  });

  it.each<[string, MessageInitShape<typeof TxnResponseSchema>]>([
    ["too few parts", { succeeded: true, responses: [{ response: { case: "responsePut", value: {} } }] }],
    [
      "a part of another kind",
      {
        succeeded: true,
        responses: [
          { response: { case: "responsePut", value: {} } },
          { response: { case: "responsePut", value: {} } },
        ],
      },
    ],
    ["an empty part", { succeeded: true, responses: [{ response: { case: "responsePut", value: {} } }, {}] }],
    [
      "parts that nobody asked for",
      { succeeded: false, responses: [{ response: { case: "responsePut", value: {} } }] },
    ],
  ])("to a transaction with %s is a PROTOCOL error of unknown outcome", async (_, answer) => {
    const { kv } = fake({ txn: () => answer });
    const attempt: Promise<TxnResult> = kv.txn<readonly BranchOp[], readonly BranchOp[]>({
      success: [op.put("a", ""), op.range("a")],
    });
    await expect(attempt).rejects.toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
  });

  it.each([-1n, 2n ** 53n])(
    "with a count of %s is a PROTOCOL error, with an outcome for writes",
    async (count) => {
      const { kv } = fake({
        range: () => ({ count }),
        deleteRange: () => ({ deleted: count }),
        txn: () => ({
          succeeded: true,
          responses: [{ response: { case: "responseRange", value: { count } } }],
        }),
      });
      const broken: unknown = await kv.range("a").catch((error: unknown) => error);
      expect(broken).toMatchObject({ code: "PROTOCOL" });
      expect(outcomeOf(broken)).toBeUndefined();
      const unclear = { code: "PROTOCOL", outcome: "unknown" };
      await expect(kv.delete("a")).rejects.toMatchObject(unclear);
      await expect(kv.txn({ success: [op.range("a")] })).rejects.toMatchObject(unclear);
    },
  );

  it("that is an error of etcd rejects with its code", async () => {
    const { kv } = fake({
      range: () => {
        throw new ConnectError("etcdserver: mvcc: required revision has been compacted", Code.OutOfRange);
      },
    });
    await expect(kv.get("a", { revision: 1n })).rejects.toMatchObject({ code: "COMPACTED" });
  });
});

describe("a call", () => {
  it("carries the caller's headers, the demand for a leader, and its time", async () => {
    const { kv, contexts } = fake();
    await kv.get("a", { headers: { "x-trace": "7" }, requireLeader: true, timeoutMs: 5_000 });
    const [context] = contexts;
    expect(context?.requestHeader.get("x-trace")).toBe("7");
    expect(context?.requestHeader.get("hasleader")).toBe("true");
    expect(context?.timeoutMs()).toBeGreaterThan(0);
    expect(context?.timeoutMs()).toBeLessThanOrEqual(5_000);
  });

  it("has the connection's time unless it says otherwise, and none when it frees storage", async () => {
    const { kv, contexts } = fake();
    await kv.compact(5n);
    await kv.compact(5n, { physical: true });
    await kv.compact(5n, { physical: true, timeoutMs: 60_000 });
    const times = contexts.map((context) => context.timeoutMs());
    expect(times[0]).toBeLessThanOrEqual(10_000);
    expect(times[1]).toBeUndefined();
    expect(times[2]).toBeGreaterThan(10_000);
  });

  it("ends with DEADLINE when the server is silent, and says that the write may have happened", async () => {
    const { kv } = fake({ put: () => new Promise(() => undefined) });
    await expect(kv.put("a", "1", { timeoutMs: 20 })).rejects.toMatchObject({
      code: "DEADLINE",
      outcome: "unknown",
    });
  });

  it("ends with the caller's reason when aborted while the server is silent", async () => {
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const { kv } = fake({
      put: () => {
        controller.abort(reason);
        return new Promise(() => undefined);
      },
    });
    await expect(kv.put("a", "1", { signal: controller.signal })).rejects.toBe(reason);
    expect(outcomeOf(reason)).toBe("unknown");
  });
});
