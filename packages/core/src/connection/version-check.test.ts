import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { never, type SentCall } from "../../test/fake-member.js";

const [a, b, c] = ["http://a:2379", "http://b:2379", "http://c:2379"];

/** A cluster of which one member never tells its version. */
function silent(url: string): FakeCluster {
  const cluster = new FakeCluster();
  cluster.answer = (call: SentCall) => (call.url === url ? never() : { version: "3.7.1" });
  return cluster;
}

describe("a version check under way", () => {
  it("begins anew with new endpoints, and asks the old ones no longer", async () => {
    const cluster = silent(a);
    await using connection = cluster.connect([a, b], { rejectOldCluster: true });
    const ready = connection.ready();
    await cluster.clock.settle();
    connection.setEndpoints([b, c]);
    await ready;
    const asked = cluster.calls.filter((call) => call.method === "Status");
    expect(asked.map((call) => call.url)).toEqual([a, b, b, c]);
    expect(asked[0]?.signal?.aborted).toBe(true);
    expect(cluster.member(a).closed).toBe(true);
  });

  it("refuses an old member that came with the new endpoints", async () => {
    const cluster = silent(a);
    const { answer } = cluster;
    cluster.answer = (call) => (call.url === c ? { version: "3.4.0" } : answer(call));
    await using connection = cluster.connect([a, b], { rejectOldCluster: true });
    const failed = caught(connection.ready());
    await cluster.clock.settle();
    connection.setEndpoints([b, c]);
    expect(await failed).toMatchObject({ code: "OLD_CLUSTER", endpoint: c });
  });

  it("goes on when the endpoints stay as they are", async () => {
    const cluster = silent(a);
    await using connection = cluster.connect([a, b], { rejectOldCluster: true });
    const failed = caught(connection.ready({ timeoutMs: 500 }));
    await cluster.clock.settle();
    connection.setEndpoints([a, b]);
    await cluster.clock.advance(500);
    expect(await failed).toMatchObject({ code: "DEADLINE", endpoint: a });
    expect(cluster.count("Status")).toBe(2);
  });

  it("asks no further once one member has decided it", async () => {
    const cluster = silent(a);
    cluster.answer = (call) => {
      if (call.url === a) return never();
      throw status("etcdserver: permission denied", Code.PermissionDenied);
    };
    await using connection = cluster.connect([a, b], { rejectOldCluster: true });
    expect(await caught(connection.ready())).toMatchObject({ code: "PERMISSION_DENIED", endpoint: b });
    await cluster.clock.settle();
    expect(cluster.calls.find((call) => call.url === a)?.signal?.aborted).toBe(true);
    // Nothing of the check is left that would hold the member's link.
    connection.setEndpoints(b);
    expect(cluster.member(a).closed).toBe(true);
  });

  it("ends with the connection", async () => {
    const cluster = silent(a);
    const connection = cluster.connect([a, b], { rejectOldCluster: true });
    const failed = caught(connection.ready());
    await cluster.clock.settle();
    await connection.close();
    expect(await failed).toMatchObject({ code: "CLOSED" });
    expect(cluster.clock.timers).toEqual([]);
  });
});
