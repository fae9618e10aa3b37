import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { errno, status } from "../../test/failures.js";
import { FakeCluster, put } from "../../test/fake-cluster.js";
import { never, type SentCall } from "../../test/fake-member.js";
import { delayOf } from "../errors/abort-delay.js";
import { EtcdError } from "../errors/etcd-error.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import type { Connection } from "./connection.js";
import { type Delay, effortTimeoutMs } from "./prerequisite.js";

const a = "http://localhost:1";
const b = "http://localhost:2";
const credentials = { username: "root", password: "hunter2" } as const;

const silentLogIn = (call: SentCall): unknown => (call.method === "Authenticate" ? never() : {});

/** What a write rejects with that has this much time. */
async function timedOut(cluster: FakeCluster, connection: Connection, timeoutMs: number): Promise<unknown> {
  const failed = caught(createClient(KV, connection.transport).put({}, { timeoutMs }));
  await cluster.clock.advance(timeoutMs);
  return await failed;
}

describe("the deadline of a call that waits for the log-in", () => {
  it("names the log-in and the member that does not answer", async () => {
    const cluster = new FakeCluster();
    cluster.answer = silentLogIn;
    await using connection = cluster.connect([a, b], { credentials });
    for (const timeoutMs of [800, 500]) {
      const error = await timedOut(cluster, connection, timeoutMs);
      const at = cluster.calls[0]?.url;
      expect(error).toMatchObject({
        code: "DEADLINE",
        message: `Put did not finish within ${timeoutMs} ms, waiting for the log-in at ${at}`,
        endpoint: at,
        outcome: "not-applied",
      });
    }
    expect(cluster.count("Authenticate")).toBe(1);
  });

  it("names it for ready, too", async () => {
    const cluster = new FakeCluster();
    cluster.answer = silentLogIn;
    await using connection = cluster.connect(a, { credentials });
    const failed = caught(connection.ready({ timeoutMs: 500 }));
    await cluster.clock.advance(500);
    expect(await failed).toMatchObject({ code: "DEADLINE", endpoint: a });
    expect(String(await failed)).toContain(`waiting for the log-in at ${a}`);
  });

  it("has the failure of a log-in for its cause, each of which takes a third of a call's time at most", async () => {
    const cluster = new FakeCluster();
    cluster.answer = silentLogIn;
    await using connection = cluster.connect(a, { credentials, retry: { waitMs: 100, jitter: 0 } });
    const error = await timedOut(cluster, connection, 9_000);
    expect(cluster.calls.map((call) => call.timeoutMs)).toEqual([3_334, 3_334, 3_334]);
    expect(error).toMatchObject({
      code: "DEADLINE",
      endpoint: a,
      outcome: "not-applied",
      cause: { code: "DEADLINE", endpoint: a, outcome: "not-applied" },
    });
  });

  it("is kept where another member answers", async () => {
    const cluster = new FakeCluster();
    let silent: string | undefined;
    cluster.answer = (call) => {
      if (call.method !== "Authenticate") return {};
      silent ??= call.url;
      return call.url === silent ? never() : { token: "t1" };
    };
    await using connection = cluster.connect([a, b], { credentials });
    const writing = put(connection);
    await cluster.clock.advance(4_000);
    await writing;
  });

  it("tells why the log-in fails", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw status("etcdserver: no leader", Code.Unavailable);
    };
    await using connection = cluster.connect(a, { credentials });
    const error = await timedOut(cluster, connection, 1_000);
    expect(error).toMatchObject({ code: "DEADLINE", endpoint: a, cause: { code: "NO_LEADER" } });
    expect(String(error)).toContain(`waiting for the log-in at ${a}: etcdserver: no leader`);
  });

  it("tells why no member can be reached", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = () => Promise.reject(errno("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1"));
    };
    await using connection = cluster.connect(a, { credentials });
    const error = await timedOut(cluster, connection, 1_000);
    expect(error).toMatchObject({ code: "DEADLINE", endpoint: a, cause: { code: "UNAVAILABLE" } });
    expect(String(error)).toContain("connect ECONNREFUSED 127.0.0.1:1");
  });

  it("names the function that gives no token", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a, { credentials: { token: never } });
    for (let i = 0; i < 2; i++) {
      const error = await timedOut(cluster, connection, 500);
      expect(String(error)).toContain("waiting for the function given as `credentials.token`");
    }
  });
});

describe("the deadline of a call that waits for the version check", () => {
  it("names the members that do not answer", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect([a, b], { rejectOldCluster: true });
    const error = await timedOut(cluster, connection, 500);
    expect(String(error)).toContain(`waiting for the version check of ${a}, ${b}`);
    expect(Object.keys(error as object)).not.toContain("endpoint");
  });

  it("names the one that does not answer, and why", async () => {
    const cluster = new FakeCluster();
    cluster.answer = (call) => {
      if (call.url === a) return { version: "3.7.1" };
      throw status("etcdserver: no leader", Code.Unavailable);
    };
    await using connection = cluster.connect([a, b], { rejectOldCluster: true });
    const error = await timedOut(cluster, connection, 500);
    expect(error).toMatchObject({ code: "DEADLINE", endpoint: b, cause: { code: "NO_LEADER" } });
    expect(String(error)).toContain(`waiting for the version check of ${b}: etcdserver: no leader`);
  });

  it("has the failure of a check for its cause", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect(a, { rejectOldCluster: true });
    const error = await timedOut(cluster, connection, 9_000);
    expect(error).toMatchObject({ code: "DEADLINE", endpoint: a, cause: { code: "DEADLINE", endpoint: a } });
    expect(cluster.count("Status")).toBe(3);
  });
});

describe("a time limit that is kept by a signal", () => {
  const limit = (): EtcdError => new EtcdError("DEADLINE", "took too long");

  /** What is known of where the time went when a read is aborted with such a limit. */
  async function aborted(
    cluster: FakeCluster,
    connection: Connection,
    reason: Error,
  ): Promise<Delay | undefined> {
    const abort = new AbortController();
    const failed = caught(createClient(KV, connection.transport).range({}, { signal: abort.signal }));
    await cluster.clock.advance(500);
    abort.abort(reason);
    expect(await failed).toBe(reason);
    return delayOf(reason);
  }

  it("learns of the endpoint that did not answer", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect(a);
    expect(await aborted(cluster, connection, limit())).toEqual({
      what: `an answer from ${a}`,
      endpoint: a,
    });
  });

  it("learns why no endpoint was ready", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = () => Promise.reject(errno("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1"));
    };
    await using connection = cluster.connect(a);
    const delay = await aborted(cluster, connection, limit());
    expect(delay).toMatchObject({ what: "an endpoint", endpoint: a, cause: { code: "UNAVAILABLE" } });
    expect(delay?.cause?.message).toContain("ECONNREFUSED");
  });

  it("learns of the log-in and of the failures before", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw status("etcdserver: no leader", Code.Unavailable);
    };
    await using connection = cluster.connect(a, { credentials });
    expect(await aborted(cluster, connection, limit())).toMatchObject({
      what: `the log-in at ${a}`,
      endpoint: a,
      cause: { code: "NO_LEADER" },
    });
  });

  it("is no other abort, which tells nothing", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect(a);
    expect(await aborted(cluster, connection, new Error("enough"))).toBeUndefined();
  });
});

describe("effortTimeoutMs", () => {
  it.each([
    [10_000, 2_000, 3_334],
    [800, 2_000, 2_000],
    [60_000, 30_000, 30_000],
    [Number.POSITIVE_INFINITY, 2_000, 3_334],
  ])(
    "is a third of a call, at least a dial: %d ms and %d ms make %d ms",
    (callTimeoutMs, dialTimeoutMs, ms) => {
      expect(effortTimeoutMs({ callTimeoutMs, dialTimeoutMs })).toBe(ms);
    },
  );
});
