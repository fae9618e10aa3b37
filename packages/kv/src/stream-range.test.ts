import { once } from "node:events";
import { createServer } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import { connect, EtcdError, type Kv, op, type RangeResult } from "@etcdkit/core";
import { KV, type RangeRequest, type RangeStreamResponseSchema } from "@etcdkit/core/protocol";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createKv } from "./create-kv.js";

type Chunk = MessageInitShape<typeof RangeStreamResponseSchema>;
type Handler = (request: RangeRequest, context: HandlerContext) => AsyncIterable<Chunk>;

function fake(rangeStream: Handler): Kv {
  const transport = createRouterTransport(({ service }) => {
    service(KV, { rangeStream });
  });
  return createKv(connect({ endpoints: "http://fake:2379", transport: () => transport }));
}

function stream(kv: Kv, call?: Parameters<NonNullable<Kv["stream"]>>[1]): AsyncIterable<RangeResult> {
  if (kv.stream === undefined) throw new Error("createKv makes a Kv with a stream");
  return kv.stream(op.range({ prefix: "a" }, { revision: 5n, limit: 3, keysOnly: true }), call);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const key = Uint8Array.of(0x61);
const forever = new Promise<never>(() => undefined);

/** A server that sends one chunk and then waits until its client is gone, which it tells. */
function waiting(): { readonly kv: Kv; readonly gone: Promise<void> } {
  let tell: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const kv = fake(async function* (_, { signal }) {
    signal.addEventListener("abort", tell);
    yield { rangeResponse: { kvs: [{ key }] } };
    await forever;
  });
  return { kv, gone };
}

describe("stream", () => {
  it("sends the op and yields chunks, with header, count and more on the last only", async () => {
    const requests: RangeRequest[] = [];
    const kv = fake(async function* (request) {
      requests.push(request);
      yield { rangeResponse: { kvs: [{ key }, { key }] } };
      yield {};
      yield { rangeResponse: { kvs: [{ key }], header: { revision: 9n }, more: true, count: 4n } };
    });
    const chunks = await collect(stream(kv));
    expect(requests).toMatchObject([
      { key, rangeEnd: Uint8Array.of(0x62), revision: 5n, limit: 3n, keysOnly: true },
    ]);
    expect(chunks).toMatchObject([
      { kvs: [{ key }, { key }], header: { revision: 0n }, more: false, count: 0 },
      { kvs: [], header: { revision: 0n }, more: false, count: 0 },
      { kvs: [{ key }], header: { revision: 9n }, more: true, count: 4 },
    ]);
  });

  it("ends the request when its loop is left", async () => {
    const { kv, gone } = waiting();
    for await (const { kvs } of stream(kv)) {
      expect(kvs).toHaveLength(1);
      break;
    }
    await gone;
  });

  it("ends the request, and rejects with the reason, when the caller aborts", async () => {
    const { kv, gone } = waiting();
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const scan = async (): Promise<void> => {
      for await (const _ of stream(kv, { signal: controller.signal })) controller.abort(reason);
    };
    await expect(scan()).rejects.toBe(reason);
    await gone;
  });

  it("sends nothing when aborted before", async () => {
    const reason = new Error("changed my mind");
    const kv = fake(() => {
      throw new Error("must not be asked");
    });
    await expect(collect(stream(kv, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  });

  it("rejects with DEADLINE when one chunk takes too long, and ends the request", async () => {
    const { kv, gone } = waiting();
    await expect(collect(stream(kv, { timeoutMs: 20 }))).rejects.toMatchObject({
      code: "DEADLINE",
      message:
        "the range read got no part of its answer within 20 ms, waiting for an answer from http://fake:2379",
      endpoint: "http://fake:2379",
    });
    await gone;
  });

  it("says what failed when no member could be reached in that time", async () => {
    // A port that is free: it was listened on just now.
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    server.close();
    await once(server, "close");
    const endpoint = `http://127.0.0.1:${port}`;
    await using connection = connect({ endpoints: endpoint });
    const failed = collect(stream(createKv(connection), { timeoutMs: 1_000 }));
    await expect(failed).rejects.toMatchObject({
      code: "DEADLINE",
      endpoint,
      cause: { code: "UNAVAILABLE" },
    });
    await expect(failed).rejects.toThrow("ECONNREFUSED");
  });

  it("rejects with the caller's reason, also when that is a DEADLINE of something else", async () => {
    const { kv } = waiting();
    const reason = new EtcdError("DEADLINE", "the caller's own limit");
    const failed = collect(stream(kv, { signal: AbortSignal.abort(reason) }));
    await expect(failed).rejects.toBe(reason);
    const controller = new AbortController();
    const later = collect(stream(kv, { signal: controller.signal }));
    controller.abort(reason);
    await expect(later).rejects.toBe(reason);
  });

  it("does not count the time that its consumer takes", async () => {
    const kv = fake(async function* () {
      for (let i = 0; i < 3; i++) yield { rangeResponse: { kvs: [{ key }] } };
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    let chunks = 0;
    for await (const _ of stream(kv, { timeoutMs: 5_000 })) {
      chunks++;
      await vi.advanceTimersByTimeAsync(60_000);
    }
    expect(chunks).toBe(3);
  });

  it("waits without limit when told to", async () => {
    const kv = fake(async function* () {
      yield { rangeResponse: { kvs: [{ key }] } };
    });
    expect(await collect(stream(kv, { timeoutMs: Number.POSITIVE_INFINITY }))).toHaveLength(1);
  });

  it("rejects with COMPACTED when its revision goes while it is under way", async () => {
    const kv = fake(async function* () {
      yield { rangeResponse: { kvs: [{ key }] } };
      throw new ConnectError("etcdserver: mvcc: required revision has been compacted", Code.OutOfRange);
    });
    await expect(collect(stream(kv))).rejects.toMatchObject({ code: "COMPACTED" });
  });

  it("rejects with UNIMPLEMENTED when the server does not know the method", async () => {
    const trailer = { "grpc-status": "12" };
    const error = new ConnectError("unknown method RangeStream", Code.Unimplemented, trailer);
    const refuse = (): Promise<never> => Promise.reject(error);
    const connection = connect({
      endpoints: "http://old:2379",
      transport: () => ({ unary: refuse, stream: refuse }),
    });
    await expect(collect(stream(createKv(connection)))).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
  });

  it("refuses orders and bounds at the call", () => {
    const kv = fake(() => {
      throw new Error("must not be asked");
    });
    const refused = [
      [{ sort: { by: "value" } }, "sort cannot be streamed"],
      [{ last: "key" }, "sort cannot be streamed"],
      [{ minModRevision: 1n }, "revision bounds cannot be streamed"],
      [{ maxCreateRevision: 1n }, "revision bounds cannot be streamed"],
    ] as const;
    for (const [options, message] of refused) {
      expect(() => kv.stream?.(op.range("a", options))).toThrow(new TypeError(message));
    }
    expect(() => kv.stream?.(op.put("a", "") as never)).toThrow(new TypeError("op must be a range op"));
  });
});
