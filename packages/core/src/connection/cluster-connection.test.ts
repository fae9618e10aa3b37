import { inspect } from "node:util";
import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { errno, reset, status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { never, type SentCall } from "../../test/fake-member.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";
import { type Connection, connect } from "./connection.js";
import type { ConnectionEvent } from "./events.js";

const [a, b, c] = ["http://a:2379", "http://b:2379", "http://c:2379"];

const put = (connection: Connection) => createClient(KV, connection.transport).put({});
const range = (connection: Connection) => createClient(KV, connection.transport).range({});

/** What a connection tells until it is closed. */
async function eventsUntilClosed(
  connection: Connection,
  meanwhile: () => Promise<void>,
): Promise<readonly ConnectionEvent[]> {
  const events = connection.events();
  await meanwhile();
  await connection.close();
  return await Array.fromAsync(events);
}

describe("connect", () => {
  it("returns at once and dials nothing until a call needs it", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b]);
    await cluster.clock.advance(60_000);
    expect(cluster.links.map((link) => link.dials)).toEqual([0, 0]);
    expect([...connection.states()]).toEqual([
      [a, "idle"],
      [b, "idle"],
    ]);
    expect(connection.endpoints()).toEqual([a, b]);
  });

  it("takes any Connect transport in place of a link", async () => {
    const transport = createRouterTransport(({ service }) => {
      service(KV, { put: () => ({ header: { revision: 7n } }) });
    });
    await using connection = connect({ endpoints: a, transport: () => transport });
    expect((await put(connection)).header?.revision).toBe(7n);
    expect(await caught(range(connection))).toMatchObject({ code: "UNIMPLEMENTED" });
    expect(connection.states().get(a)).toBe("ready");
  });
});

describe("ready", () => {
  it("resolves once an endpoint is connected", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link, url) => {
      if (url === a) link.onDial = never;
    };
    await using connection = cluster.connect([a, b]);
    await connection.ready();
    expect(cluster.calls).toHaveLength(0);
    expect(connection.states().get(b)).toBe("ready");
  });

  it("rejects with DEADLINE and the endpoint's name when nobody answers in time", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = never;
    };
    await using connection = cluster.connect(a);
    const failed = caught(connection.ready({ timeoutMs: 2_000 }));
    await cluster.clock.advance(2_000);
    expect(await failed).toMatchObject({ code: "DEADLINE", endpoint: a });
  });

  it("rejects with what the log-in is refused with", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw status("etcdserver: authentication failed, invalid user ID or password", Code.InvalidArgument);
    };
    await using connection = cluster.connect("localhost:1", {
      credentials: { username: "root", password: "x" },
    });
    expect(await caught(connection.ready())).toMatchObject({ code: "AUTH_FAILED" });
  });

  it("refuses options that it does not know", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    expect(await caught(connection.ready({ timeout: 1 } as object))).toBeInstanceOf(TypeError);
    expect(await caught(connection.ready({ timeoutMs: -1 }))).toBeInstanceOf(RangeError);
  });
});

describe("close", () => {
  // client/v3/client_test.go:TestDialCancel
  it("ends a connection that is still dialling a black hole, and calls that wait for it", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = never;
    };
    const connection = cluster.connect([a, b]);
    const waiting = caught(put(connection));
    await cluster.clock.settle();
    await connection.close();
    expect(await waiting).toMatchObject({ code: "CLOSED", outcome: "not-applied" });
    expect(cluster.clock.timers).toEqual([]);
    expect(cluster.links.every((link) => link.closed)).toBe(true);
  });

  it("ends calls under way; a write that was sent is unknown", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    await connection.ready();
    let broken = (_: Error): void => undefined;
    cluster.answer = () => new Promise((_, reject) => (broken = reject));
    const writing = caught(put(connection));
    await cluster.clock.settle();
    const closing = connection.close();
    broken(reset()); // what the end of its link does to a request
    await closing;
    expect(await writing).toMatchObject({ code: "CLOSED", outcome: "unknown" });
  });

  it("ends calls under way also over a transport of the caller's own", async () => {
    const signals: AbortSignal[] = [];
    const transport = createRouterTransport(({ service }) => {
      service(KV, {
        put: (_, context) => {
          signals.push(context.signal);
          return never();
        },
      });
    });
    const connection = connect({ endpoints: a, transport: () => transport });
    const writing = caught(put(connection));
    const reading = caught(createClient(KV, connection.endpoint(a)).put({}));
    while (signals.length < 2) await new Promise(setImmediate);
    await connection.close();
    expect(await writing).toMatchObject({ code: "CLOSED", outcome: "unknown" });
    expect(await reading).toMatchObject({ code: "CLOSED" });
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
  });

  // kv_test.go:TestKVNewAfterClose, TestKVGetErrConnClosed
  it("makes later calls reject at once", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    await range(connection);
    const pinned = connection.endpoint(a);
    await connection.close();
    const sent = cluster.calls.length;
    expect(await caught(put(connection))).toMatchObject({ code: "CLOSED", outcome: "not-applied" });
    expect(await caught(range(connection))).toMatchObject({ code: "CLOSED" });
    expect(await caught(connection.ready())).toMatchObject({ code: "CLOSED" });
    expect(await caught(connection.sync())).toMatchObject({ code: "CLOSED" });
    expect(await caught(createClient(KV, pinned).range({}))).toMatchObject({ code: "CLOSED" });
    expect(await caught(createClient(KV, connection.endpoint(b)).range({}))).toMatchObject({
      code: "CLOSED",
    });
    const snapshot = createClient(Maintenance, connection.transport).snapshot({});
    expect(await caught(Array.fromAsync(snapshot))).toMatchObject({ code: "CLOSED" });
    expect(() => connection.setEndpoints(b)).toThrow(expect.objectContaining({ code: "CLOSED" }));
    expect(cluster.calls).toHaveLength(sent);
    expect(cluster.clock.timers).toEqual([]);
  });

  it("does its work once, however often it is called", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    await connection.ready();
    const closing = connection.close();
    expect(connection.close()).toBe(closing);
    await closing;
    await connection.close();
    await connection[Symbol.asyncDispose]();
    expect(connection.states().get(a)).toBe("closed");
  });

  // client/v3/client_test.go:TestCloseCtxClient
  it("aborts the connection's signal", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    expect(connection.signal.aborted).toBe(false);
    await connection.close();
    expect(connection.signal.aborted).toBe(true);
    expect(connection.signal.reason).toMatchObject({ code: "CLOSED" });
  });

  it("happens when the signal given to connect aborts", async () => {
    const cluster = new FakeCluster();
    const abort = new AbortController();
    const connection = cluster.connect(a, { signal: abort.signal });
    await connection.ready();
    abort.abort();
    expect(connection.signal.aborted).toBe(true);
    expect(await caught(put(connection))).toMatchObject({ code: "CLOSED" });
    expect(cluster.member(a).closed).toBe(true);
  });

  it("has happened already when that signal had aborted before", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a, { signal: AbortSignal.abort(), autoSyncIntervalMs: 1_000 });
    expect(connection.signal.aborted).toBe(true);
    expect(await caught(put(connection))).toMatchObject({ code: "CLOSED" });
    expect(cluster.clock.timers).toEqual([]);
    await connection.close();
  });

  it("lets go of that signal", async () => {
    const { signal } = new AbortController();
    const cluster = new FakeCluster();
    const remove: string[] = [];
    const spied = new Proxy(signal, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === "removeEventListener") remove.push(name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const connection = cluster.connect(a, { signal: spied });
    await connection.close();
    expect(remove).toEqual(["removeEventListener"]);
  });

  it("ends the events, after the last of them", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    const events = await eventsUntilClosed(connection, () => connection.ready());
    expect(events).toEqual([
      { type: "endpoint-state", endpoint: a, state: "connecting", error: undefined },
      { type: "endpoint-state", endpoint: a, state: "ready", error: undefined },
      { type: "endpoint-state", endpoint: a, state: "closed", error: undefined },
    ]);
    expect(await Array.fromAsync(connection.events())).toEqual([]);
  });
});

describe("events", () => {
  it("tell why a link was lost", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    const events = await eventsUntilClosed(connection, async () => {
      await connection.ready();
      await cluster.clock.advance(10_000);
      cluster.member(a).onDial = never;
      cluster.member(a).drop(errno("ECONNRESET", "read ECONNRESET"));
    });
    expect(events).toContainEqual({
      type: "endpoint-state",
      endpoint: a,
      state: "connecting",
      error: expect.objectContaining({ code: "UNAVAILABLE", message: `${a}: read ECONNRESET` }),
    });
  });

  it("refuse options that are not theirs", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    expect(() => connection.events({ since: 1 } as object)).toThrow('unknown option "since" of events');
    expect(() => connection.events({ signal: 7 as unknown as AbortSignal })).toThrow(TypeError);
  });
});

describe("setEndpoints", () => {
  // connectivity/dial_test.go:TestDialSetEndpointsBeforeFail, TestDialSetEndpointsAfterFail, TestSetEndpointAndPut
  it.each(["before", "after"])("brings calls to a live member %s the only one dies", async (when) => {
    const cluster = new FakeCluster();
    const connection = cluster.connect(a);
    await using _closing = connection;
    await range(connection);
    const die = (): void => {
      cluster.member(a).onDial = () => Promise.reject(errno("ECONNREFUSED"));
      cluster.member(a).drop();
    };
    if (when === "after") die();
    connection.setEndpoints([a, b]);
    if (when === "before") die();
    await put(connection);
    expect(cluster.route).toEqual([a, b]);
  });

  // connectivity/dial_test.go:TestSwitchSetEndpoints
  it("frees calls that wait for members that do not come", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link, url) => {
      if (url === a) link.onDial = never;
    };
    await using connection = cluster.connect(a);
    const reading = range(connection);
    await cluster.clock.settle();
    connection.setEndpoints([b, c]);
    await reading;
    expect([b, c]).toContain(cluster.route[0]);
    expect(cluster.member(a).closed).toBe(true);
  });

  it("keeps the links that stay, and lets those that leave finish their calls", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b]);
    await connection.ready();
    await cluster.clock.settle();
    let finish = (_: object): void => undefined;
    cluster.answer = ({ url }: SentCall) => (url === a ? new Promise((resolve) => (finish = resolve)) : {});
    const calls = [put(connection), put(connection)];
    await cluster.clock.settle();
    connection.setEndpoints([b, c]);
    expect(cluster.member(a).closed).toBe(false);
    for (let i = 0; i < 10; i++) await put(connection);
    finish({});
    await Promise.all(calls);
    await cluster.clock.settle();
    expect(cluster.route.filter((url) => url === a)).toHaveLength(1);
    expect(cluster.member(a).closed).toBe(true);
    expect(cluster.member(b).dials).toBe(1);
  });

  it("opens a new link to a member that left and came back", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    await put(connection);
    connection.setEndpoints(b);
    connection.setEndpoints(a);
    await put(connection);
    expect(cluster.links).toHaveLength(3);
    expect(cluster.route).toEqual([a, a]);
  });

  it("tells readers of events when something changed", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect([a, b]);
    const events = await eventsUntilClosed(connection, async () => {
      connection.setEndpoints([a, b]);
      connection.setEndpoints("b,c");
    });
    expect(events.filter(({ type }) => type === "endpoints-changed")).toEqual([
      { type: "endpoints-changed", endpoints: [b, c] },
    ]);
    expect(connection.endpoints()).toEqual([b, c]);
  });

  it("changes nothing when the list cannot be used", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect("localhost:1", {
      credentials: { token: "hunter2" },
    });
    for (const list of [[], "", "https://b", ["b", "https://c"], "http://u:p@b", ["http://b", ""]]) {
      expect(() => connection.setEndpoints(list)).toThrow(TypeError);
    }
    expect(() => connection.setEndpoints("b")).toThrow("neither encrypted nor on this machine");
    expect(connection.endpoints()).toEqual(["http://localhost:1"]);
  });

  it("reads bare endpoints on the connection's side of TLS", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect("https://a");
    connection.setEndpoints("b");
    expect(connection.endpoints()).toEqual(["https://b:2379"]);
  });

  it("gives out copies of the list", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    (connection.endpoints() as string[]).push(b);
    expect(connection.endpoints()).toEqual([a]);
  });
});

describe("endpoint", () => {
  // connectivity/dial_test.go:TestDialForeignEndpoint
  it("reaches one member only, also one that is not among the endpoints", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b]);
    const status = createClient(Maintenance, connection.endpoint("c"));
    for (let i = 0; i < 5; i++) await status.status({});
    expect(cluster.route).toEqual([c, c, c, c, c]);
    expect(connection.endpoints()).toEqual([a, b]);
  });

  it("keeps one link to a member, and shares it with the balanced calls", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    await range(connection);
    await createClient(KV, connection.endpoint(a)).range({});
    await createClient(KV, connection.endpoint("A:2379")).range({});
    expect(cluster.links).toHaveLength(1);
  });

  it("goes on when the member leaves the endpoints", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b]);
    const pinned = createClient(KV, connection.endpoint(a));
    await pinned.range({});
    connection.setEndpoints(b);
    await pinned.range({});
    expect(cluster.route).toEqual([a, a]);
  });

  it("waits for its member, and wakes when that comes up", async () => {
    const cluster = new FakeCluster();
    let open = (): void => undefined;
    cluster.onLink = (link) => {
      link.onDial = () => new Promise((resolve) => (open = resolve));
    };
    await using connection = cluster.connect(a);
    const reading = createClient(KV, connection.endpoint(b)).range({});
    await cluster.clock.settle();
    open();
    await reading;
    expect(cluster.route).toEqual([b]);
  });

  it("refuses what the connection could not use", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect("localhost:1", { credentials: { token: "hunter2" } });
    expect(() => connection.endpoint("https://localhost:2")).toThrow("does not use TLS and cannot mix");
    expect(() => connection.endpoint("b")).toThrow("neither encrypted nor on this machine");
    expect(() => connection.endpoint("")).toThrow(TypeError);
  });
});

describe("sync", () => {
  /** A cluster whose member list names these client URLs. */
  function listing(...urls: readonly string[]): FakeCluster {
    const cluster = new FakeCluster();
    cluster.answer = (call) =>
      call.method === "MemberList"
        ? { members: urls.map((url, i) => ({ name: `m${i}`, clientURLs: [url] })) }
        : {};
    return cluster;
  }

  it("asks for a linearizable member list and uses it", async () => {
    const cluster = listing(b, c);
    await using connection = cluster.connect(a);
    await connection.sync();
    expect(cluster.calls[0]?.request).toEqual({ linearizable: true });
    expect(connection.endpoints()).toEqual([b, c]);
    await range(connection);
    expect([b, c]).toContain(cluster.route.at(-1));
  });

  it("never moves a TLS connection to plaintext, nor empties the list", async () => {
    const cluster = listing("http://b:2379", "");
    await using connection = cluster.connect("https://a");
    expect(await caught(connection.sync())).toMatchObject({ code: "NO_ENDPOINTS" });
    expect(connection.endpoints()).toEqual(["https://a:2379"]);
  });

  it("never hands credentials to a member that advertises plaintext elsewhere", async () => {
    const cluster = listing(b);
    const { answer } = cluster;
    cluster.answer = (call) => (call.method === "Authenticate" ? { token: "t" } : answer(call));
    await using connection = cluster.connect("localhost:1", {
      credentials: { username: "u", password: "p" },
    });
    expect(await caught(connection.sync())).toBeInstanceOf(TypeError);
    expect(connection.endpoints()).toEqual(["http://localhost:1"]);
  });

  it("rejects with what the member list is refused with, and leaves the list", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw status("etcdserver: permission denied", Code.PermissionDenied);
    };
    await using connection = cluster.connect(a);
    expect(await caught(connection.sync())).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(connection.endpoints()).toEqual([a]);
  });

  it("happens by itself every autoSyncIntervalMs, first after one, until the connection closes", async () => {
    const cluster = listing(a);
    const connection = cluster.connect(a, { autoSyncIntervalMs: 60_000 });
    await cluster.clock.advance(59_999);
    expect(cluster.count("MemberList")).toBe(0);
    await cluster.clock.advance(1);
    expect(cluster.count("MemberList")).toBe(1);
    await cluster.clock.advance(120_000);
    expect(cluster.count("MemberList")).toBe(3);
    expect(cluster.clock.timers).toEqual([{ dueInMs: 60_000, keepAlive: false }]);
    await connection.close();
    await cluster.clock.advance(600_000);
    expect(cluster.count("MemberList")).toBe(3);
    expect(cluster.clock.timers).toEqual([]);
  });

  it("that fails by itself is told and tried again, and takes no longer than 5 s", async () => {
    const cluster = listing(b);
    const { answer } = cluster;
    cluster.answer = never;
    const connection = cluster.connect(a, { autoSyncIntervalMs: 60_000 });
    const events = await eventsUntilClosed(connection, async () => {
      await cluster.clock.advance(65_000);
      cluster.answer = answer;
      await cluster.clock.advance(60_000);
    });
    const told = events.filter(({ type }) => type === "sync-failed" || type === "endpoints-changed");
    expect(told).toMatchObject([
      { type: "sync-failed", error: { code: "DEADLINE" } },
      { type: "endpoints-changed", endpoints: [b] },
    ]);
  });

  it("that the close interrupts is no failure", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    const connection = cluster.connect(a, { autoSyncIntervalMs: 1_000 });
    const events = await eventsUntilClosed(connection, () => cluster.clock.advance(1_500));
    expect(events.map(({ type }) => type)).not.toContain("sync-failed");
  });
});

describe("secrets", () => {
  const canary = "hunter2-canary";

  it("show in no error, event, log line or print of a connection", async () => {
    const cluster = new FakeCluster();
    let n = 0;
    cluster.answer = (call) => {
      if (call.method === "Authenticate") return { token: `${canary}-token` };
      throw n++ % 2 === 0 ? reset() : status("etcdserver: invalid auth token", Code.Unauthenticated);
    };
    const lines: unknown[] = [];
    const log = (...entry: unknown[]): number => lines.push(entry);
    const connection = cluster.connect("localhost:1", {
      credentials: { username: "root", password: canary },
      tls: { ca: canary, cert: canary, key: canary },
      logger: { debug: log, info: log, warn: log, error: log },
      retry: { maxAttempts: 5 },
    });
    const shown: unknown[] = [connection, connection.transport, lines];
    const events = await eventsUntilClosed(connection, async () => {
      const kv = createClient(KV, connection.transport);
      const value = new TextEncoder().encode(canary);
      const failed = caught(kv.put({ key: value, value }, { headers: { tenant: canary } }));
      const read = caught(kv.range({ key: value }));
      await cluster.clock.advance(10_000);
      shown.push(await failed, await read);
    });
    shown.push(events);
    expect(lines.length).toBeGreaterThan(0);
    for (const one of shown) {
      expect(inspect(one, { depth: 10, showHidden: true })).not.toContain("hunter2");
      expect(JSON.stringify(one)).not.toContain("hunter2");
      if (one instanceof Error) expect(`${one.stack}${one.message}`).not.toContain("hunter2");
    }
  });
});
