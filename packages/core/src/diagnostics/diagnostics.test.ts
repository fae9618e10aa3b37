import { inspect } from "node:util";
import { createClient } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { caught } from "../../test/caught.js";
import { reset, status } from "../../test/failures.js";
import { FakeCluster, put, range } from "../../test/fake-cluster.js";
import { callContext } from "../connection/context.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";
import { diagnosticChannel } from "./channel.js";
import { type CallAttempt, diagnostics, type LinkState } from "./channels.js";

const a = "http://a:2379";
const b = "http://b:2379";

async function* one(): AsyncGenerator<Record<string, never>, void, undefined> {
  yield {};
}

describe("a diagnostic channel", () => {
  it("hands messages to each subscription until that ends, also to a listener that subscribed twice", () => {
    const channel = diagnosticChannel<number>("etcdkit:test");
    expect(channel.hasSubscribers).toBe(false);
    const seen: number[] = [];
    const listener = (message: number): void => void seen.push(message);
    const endFirst = channel.subscribe(listener);
    const endSecond = channel.subscribe(listener);
    channel.publish(1);
    endFirst();
    endFirst();
    expect(channel.hasSubscribers).toBe(true);
    channel.publish(2);
    endSecond();
    channel.publish(3);
    expect(seen).toEqual([1, 1, 2]);
    expect(channel.hasSubscribers).toBe(false);
  });

  it("is the same for all who open it by its name", () => {
    const seen: unknown[] = [];
    const end = diagnosticChannel("etcdkit:test").subscribe((message) => seen.push(message));
    diagnosticChannel("etcdkit:test").publish("hello");
    end();
    expect(seen).toEqual(["hello"]);
  });
});

describe("while nobody listens", () => {
  it("nothing is measured or published, neither by calls nor by streams nor by links", async () => {
    const cluster = new FakeCluster();
    let failures = 1;
    cluster.answer = ({ method }) => {
      if (failures-- > 0) throw reset();
      return method === "Snapshot" ? [{}] : {};
    };
    const published = [diagnostics.attempts, diagnostics.links].map((channel) =>
      vi.spyOn(channel, "publish"),
    );
    await using connection = cluster.connect([a, b]);
    await range(connection);
    await Array.fromAsync(createClient(Maintenance, connection.transport).snapshot({}));
    for (const publish of published) expect(publish).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

describe("the channel of attempts", () => {
  let seen: CallAttempt[];
  let end: () => void;
  beforeEach(() => {
    seen = [];
    end = diagnostics.attempts.subscribe((message) => seen.push(message));
  });
  afterEach(() => end());

  it("tells of every attempt of a call, in order, with how long it took and why it failed", async () => {
    const cluster = new FakeCluster();
    let failures = 1;
    cluster.answer = async () => {
      await cluster.clock.advance(30);
      if (failures-- > 0) throw reset();
      return {};
    };
    await using connection = cluster.connect([a, b]);
    await range(connection);
    expect(seen).toMatchObject([
      { endpoint: a, attempt: 1, durationMs: 30, error: { code: "UNAVAILABLE", endpoint: a } },
      { endpoint: b, attempt: 2, durationMs: 30, error: undefined },
    ]);
    for (const { service, method, methodKind } of seen) {
      expect([service, method, methodKind]).toEqual(["etcdserverpb.KV", "Range", "unary"]);
    }
  });

  it("tells of a write that is not repeated once, with what is known of it", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw reset();
    };
    await using connection = cluster.connect(a);
    await caught(put(connection));
    expect(seen).toMatchObject([{ method: "Put", attempt: 1, error: { outcome: "unknown" } }]);
  });

  it("tells of an attempt that the caller aborts that it was, not that the endpoint failed, and not why", async () => {
    const cluster = new FakeCluster();
    const controller = new AbortController();
    cluster.answer = () => {
      controller.abort(new Error("s3cret"));
      return new Promise(() => undefined);
    };
    await using connection = cluster.connect(a);
    await caught(createClient(KV, connection.transport).put({}, { signal: controller.signal }));
    expect(seen).toMatchObject([
      { method: "Put", attempt: 1, error: { code: "CANCELLED", endpoint: a, outcome: "unknown" } },
    ]);
    expect(inspect(seen, { depth: 9 })).not.toContain("s3cret");
  });

  it("tells of log-ins too, without password or token", async () => {
    const cluster = new FakeCluster();
    cluster.answer = ({ method }) => (method === "Authenticate" ? { token: "s3cret-token" } : {});
    const credentials = { username: "root", password: "s3cret" };
    await using connection = cluster.connect("http://localhost:2379", { credentials });
    await range(connection);
    expect(seen.map(({ method }) => method)).toEqual(["Authenticate", "Range"]);
    expect(JSON.stringify(seen)).not.toContain("s3cret");
  });

  it("gives all attempts of a call the context values that the call was made with", async () => {
    const cluster = new FakeCluster();
    let failures = 1;
    cluster.answer = () => {
      if (failures-- > 0) throw reset();
      return {};
    };
    await using connection = cluster.connect([a, b]);
    const contextValues = callContext({ idempotent: true });
    if (contextValues === undefined) throw new Error("an option makes a context");
    await createClient(KV, connection.transport).put({}, { contextValues });
    expect(seen.map(({ context }) => context === contextValues)).toEqual([true, true]);
  });

  it("tells of a stream when it has ended", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => [{}, {}];
    await using connection = cluster.connect(a);
    const stream = createClient(Maintenance, connection.transport).snapshot({});
    for await (const _ of stream) expect(seen).toEqual([]);
    expect(seen).toMatchObject([
      { method: "Snapshot", methodKind: "server_streaming", attempt: 1, error: undefined },
    ]);
  });

  it("tells of a stream that its reader left, once and without an error", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => [{}, {}];
    await using connection = cluster.connect(a);
    const { snapshot } = Maintenance.method;
    const answers = await connection.transport.stream(snapshot, undefined, undefined, undefined, one());
    for await (const _ of answers.message) break;
    expect(seen).toMatchObject([{ method: "Snapshot", error: undefined }]);
  });

  it("tells of a stream that failed half-way, and of one that had to be opened again", async () => {
    const cluster = new FakeCluster();
    let opened = 0;
    cluster.answer = async function* () {
      if (opened++ === 0) throw reset();
      yield {};
      throw status("etcdserver: no space", 8);
    };
    await using connection = cluster.connect([a, b]);
    await caught(Array.fromAsync(createClient(Maintenance, connection.transport).snapshot({})));
    expect(seen).toMatchObject([
      { attempt: 1, error: { code: "UNAVAILABLE" } },
      { attempt: 2, error: { grpcCode: "RESOURCE_EXHAUSTED" } },
    ]);
  });
});

describe("the channel of links", () => {
  it("tells each state of each link from the making of it to its close, and why it was lost", async () => {
    const seen: LinkState[] = [];
    const end = diagnostics.links.subscribe((message) => seen.push(message));
    const cluster = new FakeCluster();
    {
      await using connection = cluster.connect(a, { connectionsPerEndpoint: 2 });
      await connection.ready();
      cluster.member(a).drop();
    }
    end();
    const links = [...new Set(seen.map(({ link }) => link))];
    expect(links).toHaveLength(2);
    expect(new Set(seen.map(({ endpoint }) => endpoint))).toEqual(new Set([a]));
    const first = seen.filter(({ link }) => link === links[0]);
    expect(first.map(({ state }) => state)).toEqual(
      expect.arrayContaining(["idle", "connecting", "ready", "closed"]),
    );
    expect(first.at(0)?.state).toBe("idle");
    expect(first.at(-1)).toMatchObject({ state: "closed", error: undefined });
    expect(first.find(({ error }) => error !== undefined)).toMatchObject({
      error: { code: "UNAVAILABLE", endpoint: a },
    });
  });
});
