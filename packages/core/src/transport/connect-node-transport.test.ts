import { getEventListeners } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { connect as connectTcp, createServer } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { begin, finish, frame, listen, reply, startHttp2Server } from "../../test/http2-server.js";
import { judged, linked, neverAborts, unclear } from "../../test/linked.js";
import { ManualClock } from "../../test/manual-clock.js";
import { systemClock } from "../connection/clock.js";
import { connect } from "../connection/connection.js";
import { parseEndpoint } from "../connection/endpoint.js";
import { KV, Maintenance, RangeResponseSchema, Watch } from "../gen/etcdserverpb/rpc_pb.js";
import { createConnectNodeTransport } from "./connect-node-transport.js";
import type { EndpointTransport } from "./endpoint-transport.js";

/** The bytes of a request, once it is complete. */
async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
}

describe("a call", () => {
  it("is one POST with gRPC's headers, to the endpoint's own authority", async () => {
    await using link = await linked((stream) => reply(stream));
    await link.kv.put({}, { headers: { tenant: "blue" }, timeoutMs: 5_000 });
    expect(link.server.requests).toMatchObject([
      {
        ":method": "POST",
        ":path": "/etcdserverpb.KV/Put",
        ":scheme": "http",
        ":authority": `127.0.0.1:${link.server.port}`,
        "content-type": expect.stringMatching(/^application\/grpc/),
        te: "trailers",
        "grpc-timeout": expect.stringMatching(/^\d{1,8}[mSun]$/),
        tenant: "blue",
      },
    ]);
  });

  it("gets its answer, and all of a large one", async () => {
    const kvs = Array.from({ length: 64 }, (_, i) => ({
      $typeName: "mvccpb.KeyValue" as const,
      key: new TextEncoder().encode(`k${i}`),
      value: new Uint8Array(64 * 1024).fill(i),
      createRevision: 1n,
      modRevision: 2n ** 62n + BigInt(i),
      version: 1n,
      lease: 0n,
    }));
    const answer = toBinary(RangeResponseSchema, {
      $typeName: "etcdserverpb.RangeResponse",
      kvs,
      more: false,
      count: 64n,
    });
    await using link = await linked((stream) => reply(stream, answer));
    const { kvs: got } = await link.kv.range({});
    expect(got.map((kv) => kv.modRevision)).toEqual(kvs.map((kv) => kv.modRevision));
    expect(got.every((kv, i) => kv.value.length === 65_536 && kv.value.every((byte) => byte === i))).toBe(
      true,
    );
  });

  it("gets the server's status with its text", async () => {
    await using link = await linked((stream) => {
      begin(stream);
      finish(stream, 3, "etcdserver: key is not provided");
    });
    expect(judged(await caught(link.kv.put({})))).toEqual({
      disposition: "unknown",
      code: "EMPTY_KEY",
      outcome: "not-applied",
    });
  });

  it("before there is a link was not sent", async () => {
    const transport = createConnectNodeTransport(parseEndpoint("a", false), {
      keepAlive: false,
      maxSendBytes: 100,
      maxReceiveBytes: 100,
      clock: systemClock,
    });
    const error = await caught(createClient(KV, transport).put({}));
    expect(judged(error)).toEqual({ disposition: "unsent", code: "UNAVAILABLE", outcome: "not-applied" });
  });

  it("leaves no listener on its signal", async () => {
    await using link = await linked((stream) => reply(stream));
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i++) await link.kv.put({}, { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("that is aborted ends at the server", async () => {
    await using link = await linked(() => undefined);
    const abort = new AbortController();
    const failed = caught(link.kv.put({}, { signal: abort.signal }));
    await link.server.until(({ open }) => open === 1);
    abort.abort();
    await failed;
    await link.server.until(({ open }) => open === 0);
  });
});

describe("limits of size", () => {
  it("keep a request that is too large from being sent at all", async () => {
    await using link = await linked((stream) => reply(stream), { maxSendBytes: 1_000 });
    const error = await caught(link.kv.put({ value: new Uint8Array(1_000) }));
    expect(judged(error)).toEqual({
      disposition: "unsent",
      code: "MESSAGE_TOO_LARGE",
      outcome: "not-applied",
    });
    await link.kv.put({ value: new Uint8Array(900) });
    expect(link.server.requests).toHaveLength(1);
  });

  it("refuse an answer that is too large, before it is read; what was written stays written", async () => {
    await using link = await linked(
      (stream) => {
        begin(stream);
        stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff])); // announces 2 GiB
      },
      { maxReceiveBytes: 1_000 },
    );
    expect(judged(await caught(link.kv.put({})))).toEqual({
      disposition: "unknown",
      code: "MESSAGE_TOO_LARGE",
      outcome: "unknown",
    });
    await link.server.until(({ open }) => open === 0);
  });

  it("let a request of 2 MiB through a window of 64 KiB", async () => {
    let received = 0;
    await using link = await linked(async (stream) => {
      received = (await bodyOf(stream)).byteLength;
      reply(stream);
    });
    await link.kv.put({ value: new Uint8Array(2 ** 21 - 100) });
    expect(received).toBeGreaterThan(2 ** 21 - 100);
  });

  it("let many large requests be sent at once: Node would refuse all but ten", async () => {
    await using link = await linked((stream) => {
      stream.resume();
      stream.on("end", () => reply(stream));
    });
    const value = new Uint8Array(2 ** 20);
    await Promise.all(Array.from({ length: 30 }, () => link.kv.put({ value })));
    expect(link.server.requests).toHaveLength(30);
  });

  it("let calls beyond the streams that a server allows wait for their turn", async () => {
    let most = 0;
    await using link = await linked(
      (stream) => {
        most = Math.max(most, link.server.open);
        setImmediate(() => reply(stream));
      },
      {},
      { maxConcurrentStreams: 2 },
    );
    await Promise.all(Array.from({ length: 20 }, () => link.kv.put({})));
    expect(link.server.requests).toHaveLength(20);
    expect(most).toBe(2);
  });
});

describe("compression", () => {
  it("goes both ways where it is asked for", async () => {
    const bodies: Buffer[] = [];
    const answer = toBinary(RangeResponseSchema, {
      $typeName: "etcdserverpb.RangeResponse",
      kvs: [],
      more: true,
      count: 7n,
    });
    await using link = await linked(
      async (stream) => {
        bodies.push(await bodyOf(stream));
        begin(stream, { "grpc-encoding": "gzip" });
        stream.write(frame(gzipSync(answer), true));
        finish(stream);
      },
      { compression: "gzip" },
    );
    const key = new TextEncoder().encode("k".repeat(10_000));
    expect(await link.kv.range({ key })).toMatchObject({ count: 7n, more: true });
    expect(link.server.requests[0]).toMatchObject({
      "grpc-encoding": "gzip",
      "grpc-accept-encoding": expect.stringContaining("gzip"),
    });
    const body = bodies[0] ?? Buffer.alloc(0);
    expect(body.byteLength).toBeLessThan(1_000);
    expect(gunzipSync(body.subarray(5)).includes(Buffer.from(key))).toBe(true);
  });

  it("is understood in answers also where requests are sent as they are", async () => {
    await using link = await linked((stream) => {
      begin(stream, { "grpc-encoding": "gzip" });
      stream.write(frame(gzipSync(new Uint8Array()), true));
      finish(stream);
    });
    await link.kv.put({});
    expect(link.server.requests[0]).not.toHaveProperty("grpc-encoding");
  });
});

describe("a stream", () => {
  it("that is left by break ends at the server", async () => {
    const server = await startHttp2Server((stream) => {
      begin(stream);
      stream.write(frame(new Uint8Array()));
    });
    await using _server = server;
    await using connection = connect({ endpoints: `127.0.0.1:${server.port}` });
    const requests = async function* () {
      yield {};
      await new Promise(() => undefined);
    };
    for (let i = 0; i < 3; i++) {
      for await (const _ of createClient(Maintenance, connection.transport).snapshot({})) break;
      const { message } = await connection.transport.stream(
        Watch.method.watch,
        undefined,
        undefined,
        undefined,
        requests(),
      );
      for await (const _ of message) break;
    }
    await server.until(({ open }) => open === 3);
  });
});

describe("keepalive", () => {
  const keepAlive = { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false };

  it("pings the server while a call waits, and calls go on when it answers", async () => {
    const clock = new ManualClock();
    const held: ServerHttp2Stream[] = [];
    await using link = await linked((stream) => held.push(stream), { clock, keepAlive });
    const putting = link.kv.put({});
    await link.server.until(({ open }) => open === 1);
    await clock.advance(5_000);
    await link.server.until(({ pings }) => pings === 1);
    // The answer to the ping comes before anything that the server sends later.
    const second = link.kv.put({});
    await link.server.until(({ open }) => open === 2);
    for (const stream of held.splice(1)) reply(stream);
    await second;
    await clock.advance(2_000);
    for (const stream of held) reply(stream);
    await putting;
    expect(link.transport.state).toBe("ready");
    while (clock.timers.length > 0) await clock.settle(); // until the streams have ended on this side, too
  });

  it("gives a link up that does not answer, so that calls can go elsewhere", async () => {
    const clock = new ManualClock();
    const server = await startHttp2Server(() => undefined);
    await using _server = server;
    const upstream: { pause(): unknown }[] = [];
    // A wire that can be held: no byte goes either way, and nobody is told.
    await using wire = await listen(
      createServer((near) => {
        const far = connectTcp(server.port, "127.0.0.1");
        far.on("error", () => near.destroy());
        near.on("close", () => far.destroy());
        near.pipe(far).pipe(near);
        upstream.push(near, far);
      }),
    );
    const transport = createConnectNodeTransport(parseEndpoint(`127.0.0.1:${wire.port}`, false), {
      keepAlive,
      maxSendBytes: 100,
      maxReceiveBytes: 100,
      clock,
    });
    await transport.connect(neverAborts);
    const failed = caught(createClient(KV, transport).put({}));
    await server.until(({ open }) => open === 1);
    for (const socket of upstream) socket.pause();
    await clock.advance(6_999);
    expect(transport.state).toBe("ready");
    await clock.advance(1);
    expect(judged(await failed)).toEqual(unclear);
    expect(transport.state).toBe("idle");
    await transport.close();
  });

  it("slows down for a server that calls its pings too many, on the next link too", async () => {
    const clock = new ManualClock();
    await using link = await linked(() => undefined, { clock, keepAlive });
    const gone = new Promise<void>((resolve) => {
      link.transport.subscribe(({ state }) => state === "idle" && resolve());
    });
    link.server.sessions[0]?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await gone;
    await link.transport.connect(neverAborts);
    const failed = caught(link.kv.put({}));
    await link.server.until(({ open }) => open === 1);
    expect(clock.timers).toEqual([{ dueInMs: 10_000, keepAlive: false }]);
    await link.transport.close();
    await failed;
    expect(clock.timers).toEqual([]);
  });
});

describe("several transports", () => {
  it("share nothing", async () => {
    await using one = await linked((stream) => reply(stream));
    await using two = await linked((stream) => reply(stream));
    await one.transport.close();
    await two.kv.put({});
    const closed: EndpointTransport = one.transport;
    expect(judged(await caught(createClient(KV, closed).put({})))).toMatchObject({ disposition: "unsent" });
  });
});
