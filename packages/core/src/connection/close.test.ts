import { createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { reset } from "../../test/failures.js";
import { eventsUntilClosed, FakeCluster, put, range } from "../../test/fake-cluster.js";
import { never } from "../../test/fake-member.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";
import { connect } from "./connection.js";

const [a, b] = ["http://a:2379", "http://b:2379"];

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

  it("ends a call that pauses between attempts, without waiting for the end of the pause", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => Promise.reject(reset());
    const connection = cluster.connect(a, { retry: { waitMs: 5_000, jitter: 0 } });
    await connection.ready();
    const reading = caught(range(connection));
    await cluster.clock.settle();
    await connection.close();
    expect(await reading).toMatchObject({ code: "CLOSED" });
    expect(cluster.clock.timers).toEqual([]);
  });

  it("ends calls that wait for a token, though the function that is to give it never does", async () => {
    const cluster = new FakeCluster();
    const connection = cluster.connect("http://localhost:1", { credentials: { token: never } });
    const writing = caught(put(connection));
    const reading = caught(range(connection));
    await cluster.clock.settle();
    await connection.close();
    expect(await writing).toMatchObject({ code: "CLOSED", outcome: "not-applied" });
    expect(await reading).toMatchObject({ code: "CLOSED" });
    expect(cluster.clock.timers).toEqual([]);
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
