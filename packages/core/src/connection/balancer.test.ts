import { getEventListeners } from "node:events";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { errno, reset } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { never } from "../../test/fake-member.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import type { Connection } from "./connection.js";

const [a, b, c] = ["http://a:2379", "http://b:2379", "http://c:2379"];
const abc = [a, b, c];

/** Sends this many reads, one after the other. */
async function read(connection: Connection, times: number): Promise<void> {
  const kv = createClient(KV, connection.transport);
  for (let i = 0; i < times; i++) await kv.range({});
}

/** How often each member of a route occurs in it. */
function tally(route: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const url of route) counts[url] = (counts[url] ?? 0) + 1;
  return counts;
}

describe("round robin", () => {
  it("spreads calls over the members evenly", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(abc);
    await connection.ready();
    await cluster.clock.settle();
    await read(connection, 30);
    expect(tally(cluster.route)).toEqual({ [a]: 10, [b]: 10, [c]: 10 });
  });

  it("passes over members without a link, and comes back to them", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(abc, { retry: { jitter: 0 } });
    await connection.ready();
    await cluster.clock.advance(10_000);
    cluster.member(b).onDial = () => Promise.reject(errno("ECONNREFUSED"));
    cluster.member(b).drop();
    await read(connection, 10);
    expect(tally(cluster.route)).toEqual({ [a]: 5, [c]: 5 });
    cluster.member(b).onDial = () => Promise.resolve();
    await cluster.clock.advance(5_000);
    await read(connection, 9);
    expect(tally(cluster.route)[b]).toBe(3);
  });

  it("takes the link with the fewest calls of those to one endpoint", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a, { connectionsPerEndpoint: 2 });
    await connection.ready();
    await cluster.clock.settle();
    cluster.answer = never;
    const kv = createClient(KV, connection.transport);
    const begin = (): AbortController => {
      const ending = new AbortController();
      kv.range({}, { signal: ending.signal }).catch(() => undefined);
      return ending;
    };
    const callsPerLink = (): readonly number[] => cluster.links.map((link) => link.calls.length);
    const [, second, , fourth] = [begin(), begin(), begin(), begin()];
    await cluster.clock.settle();
    expect(callsPerLink()).toEqual([2, 2]);
    second?.abort();
    fourth?.abort();
    await cluster.clock.settle();
    begin();
    begin();
    await cluster.clock.settle();
    expect(callsPerLink().toSorted()).toEqual([2, 4]);
  });

  it("dials several links to each endpoint where that is asked for, and uses them all", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b], { connectionsPerEndpoint: 3 });
    await connection.ready();
    await cluster.clock.settle();
    expect(cluster.links).toHaveLength(6);
    await read(connection, 12);
    expect(cluster.links.map((link) => link.calls.length)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(tally(cluster.route)).toEqual({ [a]: 6, [b]: 6 });
  });

  it("repeats a read at another endpoint, not on another link to the same", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b], { connectionsPerEndpoint: 4 });
    await connection.ready();
    await cluster.clock.settle();
    cluster.answer = ({ url }) => {
      if (url === a) throw reset();
      return {};
    };
    await read(connection, 8);
    expect(cluster.route.join(" ")).not.toContain(`${a} ${a}`);
  });
});

describe("pick first", () => {
  it("stays with the first endpoint that is ready", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(abc, { balancing: "pick-first" });
    await connection.ready();
    await cluster.clock.advance(10_000);
    await read(connection, 5);
    expect(tally(cluster.route)).toEqual({ [a]: 5 });
    cluster.member(a).onDial = () => Promise.reject(errno("ECONNREFUSED"));
    cluster.member(a).drop();
    await read(connection, 5);
    expect(tally(cluster.route)).toEqual({ [a]: 5, [b]: 5 });
  });
});

describe("a call that finds no link", () => {
  it("waits for the first one that comes up", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link, url) => {
      if (url !== c) link.onDial = never;
    };
    await using connection = cluster.connect(abc);
    await read(connection, 1);
    expect(cluster.route).toEqual([c]);
  });

  it("wakes with all the others that wait", async () => {
    const cluster = new FakeCluster();
    let open = (): void => undefined;
    cluster.onLink = (link) => {
      link.onDial = () => new Promise((resolve) => (open = resolve));
    };
    await using connection = cluster.connect(a);
    const reads = Array.from({ length: 100 }, () => read(connection, 1));
    await cluster.clock.settle();
    expect(cluster.calls).toHaveLength(0);
    open();
    await Promise.all(reads);
    expect(cluster.calls).toHaveLength(100);
    expect(cluster.member(a).dials).toBe(1);
    expect(cluster.clock.timers).toEqual([]);
  });

  it("waits through transient failures until its deadline, and then names each endpoint with its reason", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link, url) => {
      if (url === a) link.onDial = () => Promise.reject(errno("ECONNREFUSED", "connect ECONNREFUSED"));
      if (url === b) link.onDial = () => Promise.reject(errno("ENOTFOUND", "getaddrinfo ENOTFOUND"));
      if (url === c) link.onDial = never;
    };
    await using connection = cluster.connect(abc, { dialTimeoutMs: 60_000 });
    const failed = caught(connection.ready({ timeoutMs: 2_000 }));
    await cluster.clock.advance(2_000);
    const error = await failed;
    expect(error).toMatchObject({ code: "DEADLINE", message: expect.stringContaining("2000 ms") });
    expect(String(error)).toContain(`${a}: connect ECONNREFUSED`);
    expect(String(error)).toContain(`${b}: getaddrinfo ENOTFOUND`);
    expect(String(error)).toContain(`${c}: no answer yet`);
  });

  // connectivity/dial_test.go:TestDialTLSNoConfig, TestDialTLSExpired: there the first call runs into its deadline.
  it("rejects at once when every endpoint has failed for good, and names each with its reason", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link, url) => {
      link.onDial = () =>
        Promise.reject(
          url === b ? errno("ERR_HTTP2_ERROR", "Protocol error") : errno("CERT_HAS_EXPIRED", "has expired"),
        );
    };
    await using connection = cluster.connect(abc);
    const error = await caught(read(connection, 1));
    expect(error).toMatchObject({ code: "TLS" });
    for (const reason of [`${a}: has expired`, `${b}: Protocol error`, `${c}: has expired`]) {
      expect(String(error)).toContain(reason);
    }
    expect(await caught(read(connection, 1))).toMatchObject({ code: "TLS" });
  });

  it("goes on waiting while one endpoint may still come", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link, url) => {
      link.onDial = () => Promise.reject(errno(url === a ? "CERT_HAS_EXPIRED" : "ECONNREFUSED"));
    };
    await using connection = cluster.connect([a, b]);
    const reading = read(connection, 1);
    await cluster.clock.advance(5_000);
    expect(cluster.calls).toHaveLength(0);
    cluster.member(b).onDial = () => Promise.resolve();
    await cluster.clock.advance(5_000);
    await reading;
    expect(cluster.route).toEqual([b]);
  });

  it("rejects once the last endpoint has failed for good, while others dial again", async () => {
    const cluster = new FakeCluster();
    let fail = (_: Error): void => undefined;
    cluster.onLink = (link, url) => {
      link.onDial =
        url === a
          ? () => Promise.reject(errno("CERT_HAS_EXPIRED"))
          : () => new Promise((_, reject) => (fail = reject));
    };
    await using connection = cluster.connect([a, b]);
    const failed = caught(read(connection, 1));
    await cluster.clock.settle();
    cluster.member(a).onDial = never;
    await cluster.clock.advance(1_000); // a dials again, and waits
    fail(errno("CERT_HAS_EXPIRED"));
    expect(await failed).toMatchObject({ code: "TLS" });
  });

  it("rejects with the reason of its signal as soon as that aborts, and leaves nothing behind", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = never;
    };
    await using connection = cluster.connect(a);
    const abort = new AbortController();
    const failed = caught(connection.ready({ signal: abort.signal }));
    await cluster.clock.settle();
    expect(cluster.clock.timers.filter((timer) => timer.keepAlive)).toHaveLength(1);
    const reason = new Error("changed my mind");
    abort.abort(reason);
    expect(await failed).toBe(reason);
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
    expect(cluster.clock.timers.filter((timer) => timer.keepAlive)).toHaveLength(0);
  });

  it("waits for ever where it has no deadline, and keeps the process alive meanwhile", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = never;
    };
    await using connection = cluster.connect(a, { callTimeoutMs: Number.POSITIVE_INFINITY });
    const reading = caught(read(connection, 1));
    await cluster.clock.advance(100_000_000);
    const waits = cluster.clock.timers.filter((timer) => timer.keepAlive);
    expect(waits).toEqual([{ dueInMs: Number.POSITIVE_INFINITY, keepAlive: true }]);
    await connection.close();
    expect(await reading).toMatchObject({ code: "CLOSED" });
  });
});
