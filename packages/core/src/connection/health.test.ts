import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { reset, status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { untilAbort } from "../../test/fake-member.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import { HealthCheckResponse_ServingStatus as Status } from "../gen/grpc/health/v1/health_pb.js";

const a = "http://a:2379";
const b = "http://b:2379";

/** What one member says of itself, as a test has it say it. */
class Says {
  say: (status: Status) => void = () => undefined;
  breaks: (error: Error) => void = () => undefined;

  async *watch(signal: AbortSignal | undefined): AsyncGenerator<{ status: Status }> {
    while (true) {
      const next = new Promise<Status>((resolve, reject) => {
        this.say = resolve;
        this.breaks = reject;
      });
      yield { status: await (signal === undefined ? next : untilAbort(next, signal)) };
    }
  }
}

/** A connection to two members that checks their health. */
async function checked() {
  const cluster = new FakeCluster();
  const [ofA, ofB] = [new Says(), new Says()];
  cluster.answer = (call) => {
    if (call.method !== "Watch") return {};
    return (call.url === a ? ofA : ofB).watch(call.signal);
  };
  const connection = cluster.connect([a, b], { healthCheck: true });
  await connection.ready();
  await cluster.clock.settle();
  const kv = createClient(KV, connection.transport);
  const used = async (): Promise<Set<string>> => {
    cluster.calls.length = 0;
    for (let i = 0; i < 6; i++) await kv.range({});
    return new Set(cluster.calls.filter((call) => call.method === "Range").map((call) => call.url));
  };
  return { cluster, connection, ofA, ofB, used };
}

describe("health checking", () => {
  // e2e/failover_test.go:TestFailoverOnDefrag
  it("passes over a member while it says that it does not serve", async () => {
    const { cluster, connection, ofA, used } = await checked();
    await using _closing = connection;
    expect(await used()).toEqual(new Set([a, b]));
    ofA.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    expect(await used()).toEqual(new Set([b]));
    ofA.say(Status.SERVING);
    await cluster.clock.settle();
    expect(await used()).toEqual(new Set([a, b]));
  });

  it("tells readers of events", async () => {
    const { cluster, connection, ofA } = await checked();
    const events = connection.events();
    ofA.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    ofA.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    ofA.say(Status.SERVING);
    await cluster.clock.settle();
    await connection.close();
    expect((await Array.fromAsync(events)).filter(({ type }) => type === "endpoint-health")).toEqual([
      { type: "endpoint-health", endpoint: a, serving: false },
      { type: "endpoint-health", endpoint: a, serving: true },
    ]);
  });

  it("lets calls wait when nobody serves, and says so in the end", async () => {
    const { cluster, connection, ofA, ofB } = await checked();
    await using _closing = connection;
    ofA.say(Status.NOT_SERVING);
    ofB.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    const failed = createClient(KV, connection.transport)
      .range({}, { timeoutMs: 1_000 })
      .catch((error: unknown) => error);
    await cluster.clock.advance(1_000);
    expect(await failed).toMatchObject({ code: "DEADLINE" });
    expect(String(await failed)).toContain(`${a}: does not serve; ${b}: does not serve`);
    const waiting = createClient(KV, connection.transport).range({});
    await cluster.clock.settle();
    ofB.say(Status.SERVING);
    await waiting;
  });

  it.each([Status.UNKNOWN, Status.SERVICE_UNKNOWN])(
    "takes a member that says %s for one that serves",
    async (says) => {
      const { cluster, connection, ofA, used } = await checked();
      await using _closing = connection;
      ofA.say(says);
      await cluster.clock.settle();
      expect(await used()).toEqual(new Set([a, b]));
    },
  );

  it("takes a member without the health service for one that serves, and does not ask again", async () => {
    const { cluster, connection, ofA, used } = await checked();
    await using _closing = connection;
    ofA.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    ofA.breaks(status("unknown service grpc.health.v1.Health", Code.Unimplemented));
    await cluster.clock.settle();
    expect(await used()).toEqual(new Set([a, b]));
    await cluster.clock.advance(60_000);
    expect(cluster.count("Watch")).toBe(0);
  });

  it("takes a member whose watch broke for one that serves, and watches again after a pause", async () => {
    const { cluster, connection, ofA, used } = await checked();
    await using _closing = connection;
    ofA.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    ofA.breaks(reset());
    await cluster.clock.settle();
    expect(await used()).toEqual(new Set([a, b]));
    await cluster.clock.advance(1_000);
    expect(cluster.count("Watch")).toBe(1);
  });

  it("never keeps the process alive", async () => {
    const { cluster, connection, ofA } = await checked();
    await using _closing = connection;
    ofA.breaks(reset());
    await cluster.clock.settle();
    expect(cluster.clock.timers.filter((timer) => timer.keepAlive)).toEqual([]);
  });

  it("starts anew with each link", async () => {
    const { cluster, connection, ofA, used } = await checked();
    await using _closing = connection;
    ofA.say(Status.NOT_SERVING);
    await cluster.clock.settle();
    cluster.member(a).drop();
    await cluster.clock.advance(10_000);
    expect(await used()).toEqual(new Set([a, b]));
  });

  it("ends with the connection and leaves no timer", async () => {
    const { cluster, connection } = await checked();
    const watches = cluster.calls.filter((call) => call.method === "Watch");
    await connection.close();
    await cluster.clock.settle();
    expect(watches.map((call) => call.signal?.aborted)).toEqual([true, true]);
    expect(cluster.clock.timers).toEqual([]);
  });

  it("is off unless asked for", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    await connection.ready();
    await cluster.clock.settle();
    expect(cluster.count("Watch")).toBe(0);
  });
});
