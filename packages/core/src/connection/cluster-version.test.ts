import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { isTooOld, oldestAccepted } from "./cluster-version.js";

describe("oldestAccepted", () => {
  // client/v3/client_test.go:TestMinSupportedVersion
  it.each([
    ["3.6", "3.5"],
    ["3.7", "3.6"],
    ["3.8", "3.7"],
    ["4.0", "3.8"],
    ["3.0", "3.0"],
  ])("of a %s client is %s", (release, oldest) => {
    expect(oldestAccepted(release)).toBe(oldest);
  });

  it("knows etcd's minor releases only", () => {
    expect(() => oldestAccepted("3.9")).toThrow(RangeError);
  });
});

describe("isTooOld", () => {
  it.each([
    ["3.5.33", true],
    ["3.6.0", false],
    ["3.6.14-rc.1", false],
    ["3.7", false],
    ["3.10.0", false],
    ["2.3.8", true],
    ["4.0.0", false],
    ["", undefined],
    ["main", undefined],
    ["3", undefined],
    ["3.x", undefined],
  ])("tells of %j whether 3.6 is newer: %s", (version, expected) => {
    expect(isTooOld(version, "3.6")).toBe(expected);
  });
});

describe("rejectOldCluster", () => {
  const urls = ["http://a:2379", "http://b:2379", "http://c:2379"];

  /** A cluster whose members report these versions. */
  function clusterOf(...versions: readonly string[]): FakeCluster {
    const cluster = new FakeCluster();
    cluster.answer = (call) =>
      call.method === "Status" ? { version: versions[urls.indexOf(call.url)] } : {};
    return cluster;
  }

  // client/v3/client_test.go:TestClientRejectOldCluster
  it.each([[["3.7.0", "3.7.1", "3.7.0"]], [["3.7.0", "3.6.14", "3.7.0"]], [["3.6.1", "3.6.2", "3.6.3"]]])(
    "accepts %j",
    async (versions) => {
      const cluster = clusterOf(...versions);
      await using connection = cluster.connect(urls, { rejectOldCluster: true });
      await connection.ready();
      expect(cluster.count("Status")).toBe(3);
      // Once is enough.
      await connection.sync().catch(() => undefined);
      expect(cluster.count("Status")).toBe(3);
    },
  );

  it.each([[["3.5.33", "3.5.33", "3.5.33"]], [["3.4.0", "3.5.1", "3.5.2"]], [["3.7.0", "3.5.33", "3.7.0"]]])(
    "refuses every call to %j",
    async (versions) => {
      const cluster = clusterOf(...versions);
      await using connection = cluster.connect(urls, { rejectOldCluster: true });
      expect(await caught(connection.ready())).toMatchObject({ code: "OLD_CLUSTER" });
      const error = await caught(connection.sync());
      expect(error).toMatchObject({ code: "OLD_CLUSTER" });
      expect(String(error)).toMatch(/http:\/\/[abc]:2379 runs etcd 3\.[45]/);
      expect(cluster.count("MemberList")).toBe(0);
    },
  );

  it("reports a version that cannot be read", async () => {
    const cluster = clusterOf("3.7.0", "main", "3.7.0");
    await using connection = cluster.connect(urls, { rejectOldCluster: true });
    expect(await caught(connection.ready())).toMatchObject({ code: "PROTOCOL", endpoint: "http://b:2379" });
  });

  it("hands on the error of a member that does not tell, and asks again for the next call", async () => {
    const cluster = clusterOf("3.7.0", "3.7.0", "3.7.0");
    const { answer } = cluster;
    cluster.answer = () => {
      throw status("etcdserver: permission denied", Code.PermissionDenied);
    };
    await using connection = cluster.connect(urls, { rejectOldCluster: true });
    expect(await caught(connection.ready())).toMatchObject({ code: "PERMISSION_DENIED" });
    cluster.answer = answer;
    await connection.ready();
  });

  it("dials every member for its version", async () => {
    const cluster = clusterOf("3.7.0", "3.7.0", "3.7.0");
    await using connection = cluster.connect(urls, { rejectOldCluster: true });
    await connection.ready({ timeoutMs: 1_000 });
    expect(cluster.links.map((link) => link.dials)).toEqual([1, 1, 1]);
  });

  it("lets go of a member that it asked once the member left the endpoints", async () => {
    const cluster = clusterOf("3.7.0", "3.7.0", "3.7.0");
    await using connection = cluster.connect(urls, { rejectOldCluster: true });
    await connection.ready();
    connection.setEndpoints(urls.slice(1));
    expect(cluster.member("http://a:2379").closed).toBe(true);
  });
});
