import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { errno, unprocessed } from "../../test/failures.js";
import { eventsUntilClosed, FakeCluster, put, range } from "../../test/fake-cluster.js";
import { never, type SentCall } from "../../test/fake-member.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";

const [a, b, c] = ["http://a:2379", "http://b:2379", "http://c:2379"];

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

  it("does not wait for a call that is between two attempts", async () => {
    const cluster = new FakeCluster();
    cluster.answer = ({ url }) => {
      if (url === a) throw unprocessed("refused");
      return {};
    };
    await using connection = cluster.connect(a, { retry: { waitMs: 1_000, jitter: 0 } });
    const writing = put(connection);
    await cluster.clock.settle();
    expect(cluster.route).toEqual([a]);
    connection.setEndpoints(b);
    expect(cluster.member(a).closed).toBe(true);
    await cluster.clock.advance(1_000);
    await writing;
    expect(cluster.route).toEqual([a, b]);
  });

  it("dials new members though others are ready: they are to take their share", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    await put(connection);
    connection.setEndpoints([a, b]);
    await cluster.clock.settle();
    expect(cluster.member(b).dials).toBe(1);
    for (let i = 0; i < 10; i++) await put(connection);
    expect(cluster.route.filter((url) => url === b)).toHaveLength(5);
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
