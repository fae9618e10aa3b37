import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import { type DescMethodUnary, fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  Auth,
  Cluster,
  election,
  Health,
  KV,
  Lease,
  lock,
  Maintenance,
  PutRequestSchema,
  Watch,
} from "@etcdkit/core/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCertificateAuthority } from "../certificate-authority.js";
import { type GrpcTransport, openGrpcTransport } from "../grpc-transport.js";
import { type ScriptedServer, startScriptedServer } from "./scripted-server.js";

const bytes = (text: string) => new TextEncoder().encode(text);

async function failure(promise: Promise<unknown>): Promise<ConnectError> {
  const error = await promise.then(
    (value) => new Error(`expected an error, got ${String(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof ConnectError) return error;
  throw error;
}

/** Speaks HTTP/2 itself, since a gRPC client translates what it sees. */
async function rawClient(server: ScriptedServer) {
  const socket = connect(Number(new URL(server.endpoint).port), "127.0.0.1");
  const session = connectHttp2(server.endpoint, { createConnection: () => socket });
  session.on("error", () => undefined);
  await once(session, "connect");
  const put = async () => {
    const stream = session.request({ ":method": "POST", ":path": "/etcdserverpb.KV/Put" });
    let status: unknown;
    stream.on("trailers", (trailers) => {
      status = trailers["grpc-status"];
    });
    stream.on("error", () => undefined);
    stream.resume();
    stream.end(Buffer.alloc(5));
    await new Promise((resolve) => stream.once("close", resolve));
    return { rstCode: stream.rstCode, status };
  };
  return { socket, session, put };
}

describe("a scripted server", () => {
  let server: ScriptedServer;
  let grpc: GrpcTransport;
  beforeEach(async () => {
    server = await startScriptedServer();
    grpc = openGrpcTransport(server.endpoint);
  });
  afterEach(async () => {
    await grpc.close();
    await server.close();
  });
  const kv = () => createClient(KV, grpc.transport);

  describe("by default", () => {
    it("answers every unary method of etcd", async () => {
      const answers: unknown[] = [];
      for (const service of [KV, Lease, Cluster, Maintenance, Auth, Health, lock.Lock, election.Election]) {
        for (const method of service.methods) {
          const unary = method as DescMethodUnary;
          if (method.methodKind === "unary")
            answers.push(await grpc.transport.unary(unary, undefined, 2_000, {}, {}));
        }
      }
      expect(answers).toHaveLength(server.calls.length);
      expect(server.calls.length).toBeGreaterThan(40);
    });

    it("is etcd 3.7.1 and its own leader", async () => {
      const status = await createClient(Maintenance, grpc.transport).status({});
      expect(status).toMatchObject({ version: "3.7.1", leader: 1n, header: { clusterId: 1n, memberId: 1n } });
    });

    it("tells the one address of its cluster", async () => {
      const { members } = await createClient(Cluster, grpc.transport).memberList({});
      expect(members.map((member) => member.clientURLs)).toEqual([[server.endpoint]]);
    });

    it("gives every log-in another token", async () => {
      const auth = createClient(Auth, grpc.transport);
      expect((await auth.authenticate({})).token).toBe("token-1");
      expect((await auth.authenticate({})).token).toBe("token-2");
    });

    it("creates and cancels watches, and keeps leases alive", async () => {
      async function* watching() {
        yield { requestUnion: { case: "createRequest" as const, value: { key: bytes("k") } } };
        yield { requestUnion: { case: "cancelRequest" as const, value: { watchId: 0n } } };
      }
      const seen: unknown[] = [];
      for await (const response of createClient(Watch, grpc.transport).watch(watching())) seen.push(response);
      expect(seen).toMatchObject([{ created: true }, { canceled: true }]);
      async function* renewing() {
        yield { ID: 7n };
      }
      for await (const { ID, TTL } of createClient(Lease, grpc.transport).leaseKeepAlive(renewing())) {
        expect([ID, TTL]).toEqual([7n, 60n]);
      }
    });

    it("says that it does not know a method that etcd does not have", async () => {
      const { session } = await rawClient(server);
      const stream = session.request({ ":method": "POST", ":path": "/etcdserverpb.KV/Guess" });
      const [headers] = await once(stream, "response");
      expect(headers).toMatchObject({
        "grpc-status": "12",
        "grpc-message": "unknown method /etcdserverpb.KV/Guess",
      });
      session.destroy();
    });
  });

  it("records each call with its metadata and messages", async () => {
    await kv().put({ key: bytes("k"), value: bytes("v") }, { headers: { hasleader: "true" } });
    await kv().range({ key: bytes("k") });
    await server.called(2);
    const [put] = server.callsOf(KV.method.put);
    expect(put).toMatchObject({
      path: "/etcdserverpb.KV/Put",
      authority: new URL(server.endpoint).host,
      connection: 1,
    });
    expect(put?.headers["hasleader"]).toBe("true");
    expect(fromBinary(PutRequestSchema, put?.messages[0] ?? bytes(""))).toMatchObject({ value: bytes("v") });
    expect(server.calls.map(({ path }) => path)).toEqual(["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Range"]);
  });

  it("answers with what a script returns, having read the request", async () => {
    server.on(KV.method.range, ({ request }) => ({
      kvs: [{ key: request.key, value: bytes("v") }],
      count: 1n,
    }));
    expect(await kv().range({ key: bytes("k") })).toMatchObject({ count: 1n, kvs: [{ key: bytes("k") }] });
  });

  it("uses a script once, then the one before", async () => {
    server.on(KV.method.range, () => ({ count: 9n }));
    server.once(KV.method.range, () => ({ count: 1n }));
    server.once(KV.method.range, () => ({ count: 2n }));
    const counts: bigint[] = [];
    for (let i = 0; i < 3; i++) counts.push((await kv().range({})).count);
    expect(counts).toEqual([1n, 2n, 9n]);
  });

  it("gives every method the same treatment when told to", async () => {
    server.onEvery((call) => call.fail(Code.Unavailable, "etcdserver: no leader"));
    expect((await failure(kv().range({}))).rawMessage).toBe("etcdserver: no leader");
    server.onEvery(undefined);
    await kv().range({});
  });

  it("fails with any code and text", async () => {
    const text = "100 % ‘odd’\n";
    server.on(KV.method.put, (call) => call.fail(Code.ResourceExhausted, text));
    const error = await failure(kv().put({}));
    expect([error.code, error.rawMessage]).toEqual([Code.ResourceExhausted, text]);
  });

  it("fails after it has sent something, and with trailers of choice", async () => {
    server.on(KV.method.rangeStream, (call) => {
      call.send({});
      call.end({ "grpc-status": "14", "grpc-message": "later", extra: "yes" });
    });
    let messages = 0;
    const stream = async () => {
      for await (const _ of kv().rangeStream({})) messages += 1;
    };
    const error = await failure(stream());
    expect([error.code, error.metadata.get("extra"), messages]).toEqual([Code.Unavailable, "yes", 1]);
  });

  it("tells the client when its script itself fails", async () => {
    server.on(KV.method.put, () => {
      throw new Error("typing error");
    });
    expect((await failure(kv().put({}))).rawMessage).toContain("typing error");
  });

  it("leaves a call without an answer, and notices that the client gives up", async () => {
    const gone = new Promise<void>((resolve) => {
      server.on(KV.method.put, ({ signal }) =>
        signal.addEventListener("abort", () => resolve(), { once: true }),
      );
    });
    const error = await failure(kv().put({}, { timeoutMs: 50 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await gone;
  });

  it("answers when a promise lets it", async () => {
    let answer = (): void => undefined;
    const permitted = new Promise<void>((resolve) => {
      answer = resolve;
    });
    server.on(KV.method.put, async () => {
      await permitted;
      return {};
    });
    const put = kv().put({});
    await server.called(1, KV.method.put);
    answer();
    await put;
  });

  it.each([constants.NGHTTP2_REFUSED_STREAM, constants.NGHTTP2_ENHANCE_YOUR_CALM])(
    "resets a stream with HTTP/2 error %i and keeps the connection",
    async (http2Code) => {
      server.once(KV.method.put, (call) => call.reset(http2Code));
      const { session, put } = await rawClient(server);
      expect(await put()).toMatchObject({ rstCode: http2Code, status: undefined });
      expect(await put()).toMatchObject({ rstCode: 0, status: "0" });
      expect(server.calls.map(({ connection }) => connection)).toEqual([1, 1]);
      session.destroy();
    },
  );

  it("announces with GOAWAY which streams it has looked at", async () => {
    server.on(KV.method.put, (call) => {
      call.goAway({ lastStreamId: 1, http2Code: constants.NGHTTP2_ENHANCE_YOUR_CALM });
      return {};
    });
    const { session, put } = await rawClient(server);
    const goaway = once(session, "goaway");
    await put();
    expect((await goaway).slice(0, 2)).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, 1]);
    session.destroy();
  });

  it("answers and hangs up: the answer arrives, the connection is gone", async () => {
    server.once(KV.method.put, async (call) => {
      call.send({});
      call.end();
      await call.hangUp();
    });
    await kv().put({});
    const { put } = await rawClient(server); // a gRPC client might not have noticed yet
    await put();
    expect(server.calls.map(({ connection }) => connection)).toEqual([1, 2]);
  });

  it.each([false, true])("hangs up without an answer (with a reset: %s)", async (reset) => {
    server.on(KV.method.put, (call) => call.hangUp({ reset }));
    const { socket, put } = await rawClient(server);
    const errors: unknown[] = [];
    socket.on("error", (error) => errors.push(error));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    expect(await put()).toMatchObject({ status: undefined });
    await closed;
    expect(errors).toMatchObject(reset ? [{ code: "ECONNRESET" }] : []);
  });

  it("answers as a web server that knows no gRPC", async () => {
    server.on(KV.method.put, (call) => call.answerHttp(503, "<h1>busy</h1>"));
    expect((await failure(kv().put({}))).code).toBe(Code.Unavailable);
  });

  it("sends bytes that are not a message", async () => {
    server.on(KV.method.put, (call) => {
      call.sendBytes(Uint8Array.of(0, 0, 0, 0, 2, 0xff, 0xff));
      call.end();
    });
    await expect(kv().put({})).rejects.toThrow();
  });

  it("lets a script take a connection before a word is said", async () => {
    server.onConnection((socket) => {
      socket.destroy();
      return "keep";
    });
    await expect(kv().put({})).rejects.toThrow();
    expect(server.calls).toEqual([]);
    server.onConnection(() => "serve");
    await kv().put({});
    await server.connected(2);
  });

  it("announces the settings that it is given", async () => {
    await using narrow = await startScriptedServer({ settings: { maxConcurrentStreams: 3 } });
    const session = connectHttp2(narrow.endpoint);
    const [settings] = await once(session, "remoteSettings");
    expect(settings.maxConcurrentStreams).toBe(3);
    session.destroy();
  });

  it("drops its connections when stopped and serves at the same place when started", async () => {
    await kv().put({});
    await server.stop();
    await expect(kv().put({})).rejects.toThrow();
    await server.start();
    const { put } = await rawClient(server);
    expect(await put()).toMatchObject({ status: "0" });
    expect(server.calls).toHaveLength(2);
  });

  it("ends waits when it is closed, and does not start again", async () => {
    const wait = server.called(1);
    await server.close();
    await expect(wait).rejects.toThrow("closed");
    await expect(server.start()).rejects.toThrow("closed");
  });
});

describe("the ways to a scripted server", () => {
  it("include a unix socket, whose authority is what the client says", async () => {
    await using server = await startScriptedServer({ unix: true });
    await using grpc = openGrpcTransport(server.endpoint);
    await createClient(KV, grpc.transport).range({});
    expect(server.endpoint).toMatch(/^unix:\/\/\/.*\/socket$/);
    expect(server.calls).toMatchObject([{ authority: "localhost:80" }]);
    await server.stop();
    await server.start();
    await using again = openGrpcTransport(server.endpoint);
    await createClient(KV, again.transport).range({});
  });

  it.each([false, true])("include TLS, with a certificate from the client: %s (unix too)", async (unix) => {
    const authority = createCertificateAuthority();
    const own = authority.issue({ commonName: "server", names: ["127.0.0.1", "localhost"] });
    const client = authority.issue({ commonName: "client" });
    await using server = await startScriptedServer({ tls: { ...own, ca: authority.cert }, unix });
    server.once(KV.method.put, (call) => call.hangUp({ reset: true }));
    {
      await using grpc = openGrpcTransport(server.endpoint, { tls: { ca: authority.cert, ...client } });
      const kv = createClient(KV, grpc.transport);
      await kv.range({});
      await expect(kv.put({})).rejects.toThrow();
      await kv.put({});
      expect(server.calls.map(({ connection }) => connection)).toEqual([1, 1, 2]);
    }
    await using stranger = openGrpcTransport(server.endpoint, { tls: { ca: authority.cert } });
    await expect(createClient(KV, stranger.transport).range({})).rejects.toThrow();
    await using sceptic = openGrpcTransport(server.endpoint, { tls: client });
    await expect(createClient(KV, sceptic.transport).range({})).rejects.toThrow(
      /self-signed|unable to verify/,
    );
    expect(server.calls).toHaveLength(3);
  });

  it("include a web server of HTTP/1.1 only", async () => {
    await using server = await startScriptedServer({ protocol: "http/1.1" });
    expect((await fetch(server.endpoint)).status).toBe(404);
    const session = connectHttp2(server.endpoint);
    const [error] = await once(session, "error").catch((reason: unknown) => [reason]);
    expect(String(error)).toContain("Protocol error");
    session.on("error", () => undefined);
    session.destroy();
  });
});
