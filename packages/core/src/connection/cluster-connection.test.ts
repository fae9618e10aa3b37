import { Code, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { errno, status } from "../../test/failures.js";
import { eventsUntilClosed, FakeCluster, put, range } from "../../test/fake-cluster.js";
import { never } from "../../test/fake-member.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import { connect } from "./connection.js";

const [a, b, _c] = ["http://a:2379", "http://b:2379", "http://c:2379"];

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
    // It sends nothing that these could concern.
    for (const option of [{ requireLeader: true }, { idempotent: true }, { headers: {} }]) {
      expect(await caught(connection.ready(option as object))).toBeInstanceOf(TypeError);
    }
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
