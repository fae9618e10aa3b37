import { getEventListeners } from "node:events";
import { Code, createClient } from "@connectrpc/connect";
import { createHttp2Transport, type EndpointTransport } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { reset, status, unprocessed } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { never } from "../../test/fake-member.js";
import { begin, finish, startHttp2Server } from "../../test/http2-server.js";
import { Maintenance, Watch } from "../gen/etcdserverpb/rpc_pb.js";
import { type Connection, connect } from "./connection.js";
import type { Credentials } from "./credentials.js";

const a = "http://localhost:1";
const b = "http://localhost:2";
const user: Credentials = { username: "root", password: "x" };

const permissionDenied = (): Error => status("etcdserver: permission denied", Code.PermissionDenied);
const invalidToken = (): Error => status("etcdserver: invalid auth token", Code.Unauthenticated);

/** Answers a stream with these messages, and then with an error or nothing more at all. */
async function* answers(messages: readonly object[], then?: Error | "waits"): AsyncGenerator<object> {
  yield* messages;
  if (then === "waits") await never();
  else if (then !== undefined) throw then;
}

const chunk = (remaining: number): object => ({ remainingBytes: BigInt(remaining) });

/** Reads a snapshot to its end: a call with one request and many answers. */
async function snapshot(connection: Connection, call?: { signal?: AbortSignal; timeoutMs?: number }) {
  const chunks = createClient(Maintenance, connection.transport).snapshot({}, call);
  return (await Array.fromAsync(chunks)).map(({ remainingBytes }) => Number(remainingBytes));
}

/** Opens a watch stream: a call with many requests. */
function watch(connection: Connection, signal?: AbortSignal) {
  const requests = (async function* () {
    yield {};
    await never();
  })();
  return createClient(Watch, connection.transport).watch(requests, signal === undefined ? {} : { signal });
}

describe("a stream of answers", () => {
  it("hands on the answers as they come", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([chunk(2), chunk(1), chunk(0)]);
    await using connection = cluster.connect(a);
    expect(await snapshot(connection)).toEqual([2, 1, 0]);
    expect(cluster.clock.timers).toEqual([]);
  });

  it("has no deadline of its own, unlike a call with one answer", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([chunk(0)]);
    await using connection = cluster.connect(a, { callTimeoutMs: 5 });
    await snapshot(connection);
    expect(cluster.calls[0]?.timeoutMs).toBeUndefined();
  });

  it("is opened again elsewhere when it fails before its first answer", async () => {
    const cluster = new FakeCluster();
    const turns = [
      () => Promise.reject(reset()),
      () => answers([], reset()),
      () => answers([], status("etcdserver: no leader", Code.Unavailable)),
      () => answers([chunk(1), chunk(0)]),
    ];
    cluster.answer = () => turns.shift()?.();
    await using connection = cluster.connect([a, b]);
    await connection.ready();
    await cluster.clock.settle();
    const reading = snapshot(connection);
    await cluster.clock.advance(1_000);
    expect(await reading).toEqual([1, 0]);
    expect(new Set(cluster.route)).toEqual(new Set([a, b]));
    expect(cluster.route).toHaveLength(4);
    for (const call of cluster.calls)
      expect(await Array.fromAsync(call.request as AsyncIterable<unknown>)).toHaveLength(1);
  });

  it("is never opened again after its first answer: only the reader knows where to go on", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([chunk(2)], reset());
    await using connection = cluster.connect([a, b]);
    const chunks = createClient(Maintenance, connection.transport).snapshot({})[Symbol.asyncIterator]();
    expect((await chunks.next()).value).toMatchObject({ remainingBytes: 2n });
    const error = await caught(chunks.next());
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    expect("outcome" in (error as object)).toBe(false);
    expect(cluster.calls).toHaveLength(1);
  });

  it("is not opened again after a clear refusal", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([], status("etcdserver: corrupt cluster", Code.DataLoss));
    await using connection = cluster.connect([a, b]);
    expect(await caught(snapshot(connection))).toMatchObject({
      code: "CORRUPT",
      endpoint: expect.any(String),
    });
    expect(cluster.calls).toHaveLength(1);
  });

  it("keeps its deadline over all attempts", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([], reset());
    await using connection = cluster.connect(a, { retry: { waitMs: 400, jitter: 0 } });
    const failed = caught(snapshot(connection, { timeoutMs: 1_000 }));
    await cluster.clock.advance(1_000);
    expect(await failed).toMatchObject({ code: "DEADLINE", cause: { code: "UNAVAILABLE" } });
    expect(cluster.calls.map((call) => call.timeoutMs)).toEqual([1_000, 600]);
  });

  it("ends with DEADLINE when its time is up between two answers", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([chunk(2)], "waits");
    await using connection = cluster.connect(a);
    const failed = caught(snapshot(connection, { timeoutMs: 1_000 }));
    await cluster.clock.advance(1_000);
    expect(await failed).toMatchObject({ code: "DEADLINE" });
  });
});

describe("a stream of requests", () => {
  it("is not opened again when it fails: its requests may have been read", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([], reset());
    await using connection = cluster.connect([a, b]);
    expect(await caught(Array.fromAsync(watch(connection)))).toMatchObject({ code: "UNAVAILABLE" });
    expect(cluster.calls).toHaveLength(1);
  });

  it("is opened again when nothing of it left the process", async () => {
    const cluster = new FakeCluster();
    const turns = [() => Promise.reject(unprocessed("unsent")), () => answers([{ watchId: 7n }])];
    cluster.answer = () => turns.shift()?.();
    await using connection = cluster.connect([a, b]);
    await connection.ready();
    await cluster.clock.settle();
    expect(await Array.fromAsync(watch(connection))).toMatchObject([{ watchId: 7n }]);
    expect(cluster.calls).toHaveLength(2);
  });
});

describe("a stream of requests over the default transport", () => {
  /** A connection whose first stream meets a link that has just ended: nothing of it is sent. */
  function losingFirst(port: number): { readonly connection: Connection; readonly attempts: () => number } {
    let attempts = 0;
    const connection = connect({
      endpoints: `http://127.0.0.1:${port}`,
      transport: (endpoint) => {
        const link = createHttp2Transport({ endpoint });
        const ended = createHttp2Transport({ endpoint });
        const stream = link.stream.bind(link);
        const losing: EndpointTransport["stream"] = (...call) =>
          attempts++ === 0 ? ended.stream(...call) : stream(...call);
        return Object.assign(link, { stream: losing });
      },
    });
    return { connection, attempts: () => attempts };
  }

  it("is opened again with all its requests when nothing of it left the process", async () => {
    await using server = await startHttp2Server((stream) => {
      // What came is sent back: requests and answers of a watch are different messages, but the empty one is both.
      begin(stream);
      stream.once("data", (data: Buffer) => {
        stream.write(data);
        finish(stream);
      });
    });
    const { connection, attempts } = losingFirst(server.port);
    await using _closing = connection;
    expect(await Array.fromAsync(watch(connection))).toHaveLength(1);
    expect(attempts()).toBe(2);
    expect(server.requests).toHaveLength(1);
  });
});

describe("leaving a stream", () => {
  it("by break ends the call", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([chunk(2)], "waits");
    await using connection = cluster.connect(a);
    const { message } = await connection.transport.stream(
      Maintenance.method.snapshot,
      undefined,
      undefined,
      undefined,
      (async function* () {
        yield {};
      })(),
    );
    for await (const one of message) {
      expect(one).toMatchObject({ remainingBytes: 2n });
      break;
    }
    expect(cluster.calls[0]?.signal?.aborted).toBe(true);
    connection.setEndpoints(b);
    expect(cluster.member(a).closed).toBe(true);
  });

  /** The answers of a stream that waits after the first of them. */
  async function opened(first: readonly object[]) {
    const cluster = new FakeCluster();
    cluster.answer = () => answers(first, "waits");
    const connection = cluster.connect(a);
    const requests = (async function* () {
      yield {};
    })();
    const { snapshot: method } = Maintenance.method;
    const answer = await connection.transport.stream(method, undefined, undefined, undefined, requests);
    return { cluster, connection, messages: answer.message[Symbol.asyncIterator]() };
  }

  it("before the first step ends the call too", async () => {
    const { cluster, connection, messages } = await opened([]);
    await using _closing = connection;
    expect(await messages.return?.()).toEqual({ done: true, value: undefined });
    expect(cluster.calls[0]?.signal?.aborted).toBe(true);
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  });

  it("while an answer is awaited ends the call at once, and opens no other", async () => {
    const { cluster, connection, messages } = await opened([]);
    await using _closing = connection;
    const waiting = messages.next();
    await cluster.clock.settle();
    await messages.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(cluster.calls).toHaveLength(1);
    expect(cluster.calls[0]?.signal?.aborted).toBe(true);
  });
});

describe("leaving a stream that is being opened again", () => {
  /** A stream whose first attempt fails; `again` says what the second meets. */
  async function reopening(prepare: (cluster: FakeCluster) => void) {
    const cluster = new FakeCluster();
    let attempts = 0;
    cluster.answer = () => (attempts++ === 0 ? answers([], reset()) : never());
    const connection = cluster.connect(a);
    const requests = (async function* () {
      yield {};
    })();
    const { snapshot: method } = Maintenance.method;
    const { signal } = new AbortController();
    const answer = await connection.transport.stream(method, signal, undefined, undefined, requests);
    prepare(cluster);
    const messages = answer.message[Symbol.asyncIterator]();
    const waiting = messages.next();
    await cluster.clock.advance(1_000);
    return { cluster, connection, messages, waiting, signal };
  }

  it.each([
    [
      "while it waits for a link",
      1,
      (cluster: FakeCluster) => {
        cluster.member(a).onDial = never;
        cluster.member(a).drop();
      },
    ],
    ["while the server has not answered", 2, () => undefined],
  ])("ends it at once and leaves nothing: %s", async (_, attempts, prepare) => {
    const { cluster, connection, messages, waiting, signal } = await reopening(prepare);
    await using _closing = connection;
    expect(cluster.calls).toHaveLength(attempts);
    await messages.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(cluster.clock.timers.filter(({ keepAlive }) => keepAlive)).toEqual([]);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    for (const call of cluster.calls) expect(call.signal?.aborted).toBe(true);
    connection.setEndpoints(b);
    expect(cluster.member(a).closed).toBe(true);
    expect(cluster.calls).toHaveLength(attempts);
  });
});

describe("the abort of a stream", () => {
  it("rejects with the signal's reason, before, while opening and between answers", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    const reason = new Error("changed my mind");
    expect(await caught(snapshot(connection, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(cluster.calls).toHaveLength(0);

    cluster.answer = () => answers([chunk(1)], "waits");
    const abort = new AbortController();
    const failed = caught(snapshot(connection, { signal: abort.signal }));
    await cluster.clock.settle();
    abort.abort(reason);
    expect(await failed).toBe(reason);
    expect(cluster.calls[0]?.signal?.aborted).toBe(true);

    const other = new AbortController();
    const watching = caught(Array.fromAsync(watch(connection, other.signal)));
    await cluster.clock.settle();
    other.abort(reason);
    expect(await watching).toBe(reason);
  });

  it("ends a stream that nobody reads", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => answers([chunk(1)], "waits");
    await using connection = cluster.connect(a);
    const abort = new AbortController();
    const requests = (async function* () {
      yield {};
    })();
    await connection.transport.stream(
      Maintenance.method.snapshot,
      abort.signal,
      undefined,
      undefined,
      requests,
    );
    abort.abort();
    expect(cluster.calls[0]?.signal?.aborted).toBe(true);
    connection.setEndpoints(b);
    expect(cluster.member(a).closed).toBe(true);
  });

  it("leaves nothing on a signal that outlives a thousand streams, however they end", async () => {
    const cluster = new FakeCluster();
    let n = 0;
    cluster.answer = () => answers([chunk(1)], n++ % 2 === 0 ? undefined : reset());
    await using connection = cluster.connect(a);
    const { signal } = new AbortController();
    for (let i = 0; i < 1_000; i++) await snapshot(connection, { signal }).catch(() => undefined);
    expect(n).toBe(1_000);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(cluster.clock.timers).toEqual([]);
  });
});

describe("a stream that is refused for its token", () => {
  /** A cluster that gives out tokens and refuses streams as told. */
  function guarded(refuse: (token: string | null, nth: number) => Error | undefined): FakeCluster {
    const cluster = new FakeCluster();
    let issued = 0;
    let streams = 0;
    cluster.answer = (call) => {
      if (call.method === "Authenticate") return { token: `t${++issued}` };
      if (call.method !== "Snapshot" && call.method !== "Watch") return {};
      const error = refuse(call.headers.get("token"), ++streams);
      return error === undefined ? answers([chunk(0)]) : answers([], error);
    };
    return cluster;
  }

  it("is opened once more with a fresh token", async () => {
    const cluster = guarded((token) => (token === "t2" ? undefined : invalidToken()));
    await using connection = cluster.connect([a, b], { credentials: user });
    await connection.ready();
    await cluster.clock.advance(1_000); // the token is no longer new
    expect(await snapshot(connection)).toEqual([0]);
    expect(cluster.count("Authenticate")).toBe(2);
  });

  // etcd 3.4.0-3.4.21 and 3.5.0-3.5.5 answer an expired token on a stream with PERMISSION_DENIED.
  it("is opened once more with a fresh token after PERMISSION_DENIED, since old servers mean the token", async () => {
    const cluster = guarded((token) => (token === "t2" ? undefined : permissionDenied()));
    await using connection = cluster.connect([a, b], { credentials: user });
    await connection.ready();
    expect(await snapshot(connection)).toEqual([0]);
    expect(cluster.count("Snapshot")).toBe(2);
    expect(cluster.count("Authenticate")).toBe(2);
  });

  it("is refused for good the second time", async () => {
    const cluster = guarded(permissionDenied);
    await using connection = cluster.connect([a, b], { credentials: user });
    await connection.ready();
    expect(await caught(snapshot(connection))).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(cluster.count("Snapshot")).toBe(2);
    expect(cluster.count("Authenticate")).toBe(2);
  });

  it("is refused for good at once when its token was fetched for it", async () => {
    const cluster = guarded(permissionDenied);
    await using connection = cluster.connect([a, b], { credentials: user });
    expect(await caught(snapshot(connection))).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(cluster.count("Snapshot")).toBe(1);
    expect(cluster.count("Authenticate")).toBe(1);
  });

  it("is refused for good at once without credentials, and with a static token", async () => {
    for (const credentials of [undefined, { token: "ey.jwt" }]) {
      const cluster = guarded(permissionDenied);
      await using connection = cluster.connect([a, b], { credentials });
      expect(await caught(snapshot(connection))).toMatchObject({ code: "PERMISSION_DENIED" });
      expect(cluster.calls).toHaveLength(1);
    }
  });

  it.each([
    ["an old token", invalidToken],
    ["PERMISSION_DENIED", permissionDenied],
  ])("leaves a fresh token for whoever opens the next stream of requests: %s", async (_, refusal) => {
    const cluster = guarded((token) => (token === "t2" ? undefined : refusal()));
    await using connection = cluster.connect([a, b], { credentials: user });
    await connection.ready();
    await cluster.clock.advance(1_000); // the token is no longer new
    await caught(Array.fromAsync(watch(connection)));
    expect(await Array.fromAsync(watch(connection))).toHaveLength(1);
    expect(cluster.count("Authenticate")).toBe(2);
  });
});

describe("the close of the connection", () => {
  it("ends streams with CLOSED", async () => {
    const cluster = new FakeCluster();
    let broken = (_: Error): void => undefined;
    cluster.answer = () =>
      (async function* () {
        yield chunk(2);
        await new Promise((_, reject) => (broken = reject));
      })();
    const connection = cluster.connect(a);
    const failed = caught(snapshot(connection));
    await cluster.clock.settle();
    const closing = connection.close();
    broken(reset()); // what the end of its link does to a stream
    await closing;
    expect(await failed).toMatchObject({ code: "CLOSED" });
  });
});
