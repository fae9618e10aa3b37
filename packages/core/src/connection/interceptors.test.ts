import { Code, createClient, createContextKey, type Interceptor } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { reset, status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";

const a = "http://localhost:1";
const b = "http://localhost:2";

/** An interceptor that writes down when a call passes it, on the way in and out. */
function noting(name: string, log: string[]): Interceptor {
  return (next) => async (request) => {
    log.push(`${name} > ${request.method.name}`);
    try {
      return await next(request);
    } finally {
      log.push(`${name} < ${request.method.name}`);
    }
  };
}

describe("interceptors", () => {
  it("stand around a call in their order, the first outermost", async () => {
    const cluster = new FakeCluster();
    const log: string[] = [];
    await using connection = cluster.connect(a, { interceptors: [noting("1", log), noting("2", log)] });
    await createClient(KV, connection.transport).put({});
    expect(log).toEqual(["1 > Put", "2 > Put", "2 < Put", "1 < Put"]);
  });

  // metrics_test.go:TestV3ClientMetrics; upstream an own interceptor silently replaced the retries.
  it("see a call once, however often it is repeated, and no log-in", async () => {
    const cluster = new FakeCluster();
    const answers = [
      () => ({ token: "t1" }),
      () => Promise.reject(reset()),
      () => Promise.reject(status("etcdserver: invalid auth token", Code.Unauthenticated)),
      () => ({ token: "t2" }),
      () => ({ count: 7n }),
    ];
    cluster.answer = () => answers.shift()?.();
    const log: string[] = [];
    await using connection = cluster.connect([a, b], {
      interceptors: [noting("1", log)],
      credentials: { username: "root", password: "x" },
    });
    await connection.ready();
    await cluster.clock.advance(1_000); // the token is no longer new
    const { count } = await createClient(KV, connection.transport).range({});
    expect(count).toBe(7n);
    expect(cluster.calls.map((call) => call.method)).toEqual([
      "Authenticate",
      "Range",
      "Range",
      "Authenticate",
      "Range",
    ]);
    expect(log).toEqual(["1 > Range", "1 < Range"]);
  });

  it("see the errors that the caller sees", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw status("etcdserver: key is not provided", Code.InvalidArgument);
    };
    const seen: unknown[] = [];
    const watching: Interceptor = (next) => (request) =>
      next(request).catch((error: unknown) => {
        seen.push(error);
        throw error;
      });
    await using connection = cluster.connect(a, { interceptors: [watching] });
    const error = await caught(createClient(KV, connection.transport).put({}));
    expect(error).toMatchObject({ code: "EMPTY_KEY", outcome: "not-applied" });
    expect(seen).toEqual([error]);
  });

  it("get a complete request: service, path, headers, signal, context, message", async () => {
    const cluster = new FakeCluster();
    const key = createContextKey("nothing");
    const seen: Record<string, unknown> = {};
    const looking: Interceptor = (next) => (request) => {
      Object.assign(seen, {
        service: request.service.typeName,
        url: request.url,
        tenant: request.header.get("tenant"),
        aborted: request.signal.aborted,
        context: request.contextValues.get(key),
        message: request.message,
      });
      return next(request);
    };
    await using connection = cluster.connect(a, { interceptors: [looking] });
    await createClient(KV, connection.transport).put({ lease: 7n }, { headers: { tenant: "blue" } });
    expect(seen).toMatchObject({
      service: "etcdserverpb.KV",
      url: "/etcdserverpb.KV/Put",
      tenant: "blue",
      aborted: false,
      context: "nothing",
      message: { $typeName: "etcdserverpb.PutRequest", lease: 7n },
    });
  });

  it("may add headers, under the rules for those of a caller", async () => {
    const cluster = new FakeCluster();
    const adding =
      (name: string): Interceptor =>
      (next) =>
      (request) => {
        request.header.set(name, "x");
        return next(request);
      };
    await using good = cluster.connect(a, { interceptors: [adding("tenant")] });
    await createClient(KV, good.transport).put({});
    expect(cluster.calls[0]?.headers.get("tenant")).toBe("x");
    await using bad = cluster.connect(a, { interceptors: [adding("authorization")] });
    expect(await caught(createClient(KV, bad.transport).put({}))).toBeInstanceOf(TypeError);
  });

  it("may answer by themselves, or refuse", async () => {
    const cluster = new FakeCluster();
    const reason = new Error("not on Sundays");
    await using connection = cluster.connect(a, { interceptors: [() => () => Promise.reject(reason)] });
    expect(await caught(createClient(KV, connection.transport).put({}))).toBe(reason);
    expect(cluster.calls).toHaveLength(0);
  });

  it("stand around streams too, and around calls to one member", async () => {
    const cluster = new FakeCluster();
    cluster.answer = (call) => (call.method === "Snapshot" ? [{ remainingBytes: 1n }, {}] : {});
    const log: string[] = [];
    await using connection = cluster.connect(a, { interceptors: [noting("1", log)] });
    const maintenance = createClient(Maintenance, connection.endpoint(b));
    const chunks = await Array.fromAsync(maintenance.snapshot({}));
    expect(chunks.map((chunk) => chunk.remainingBytes)).toEqual([1n, 0n]);
    await maintenance.status({});
    expect(log).toEqual(["1 > Snapshot", "1 < Snapshot", "1 > Status", "1 < Status"]);
  });

  it("cannot make a stream of a call, nor a call of a stream", async () => {
    const cluster = new FakeCluster();
    const swap: Interceptor = (next) => (request) => next({ ...request, stream: !request.stream } as never);
    await using connection = cluster.connect(a, { interceptors: [swap] });
    const unary = createClient(KV, connection.transport).put({});
    expect(await caught(unary)).toEqual(new TypeError("interceptor: passed a stream on for a unary call"));
    const stream = createClient(Maintenance, connection.transport).snapshot({});
    expect(await caught(Array.fromAsync(stream))).toEqual(
      new TypeError("interceptor: passed a unary call on for a stream"),
    );
    expect(cluster.calls).toHaveLength(0);
  });

  it("are not asked by ready()", async () => {
    const cluster = new FakeCluster();
    const log: string[] = [];
    await using connection = cluster.connect(a, { interceptors: [noting("1", log)] });
    await connection.ready();
    expect(log).toEqual([]);
  });
});
