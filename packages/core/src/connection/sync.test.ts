import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { status } from "../../test/failures.js";
import { eventsUntilClosed, FakeCluster, range } from "../../test/fake-cluster.js";
import { never } from "../../test/fake-member.js";

const [a, b, c] = ["http://a:2379", "http://b:2379", "http://c:2379"];

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
