import type { DescMethodUnary } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { reset, status, unprocessed } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from "../gen/etcdserverpb/rpc_pb.js";
import { callContext } from "./context.js";
import { isRead } from "./retry.js";

const a = "http://a:2379";
const b = "http://b:2379";

// behaviours of etcd's client/v3/retry.go, made stricter: what it repeats although it writes (LeaseGrant, LeaseRevoke,
// Alarm, MoveLeader) is repeated here only by those who know that it does no harm. AuthStatus reads.
const reads = new Set([
  "KV.Range",
  "KV.RangeStream",
  "Watch.Watch",
  "Lease.LeaseTimeToLive",
  "Lease.LeaseLeases",
  "Cluster.MemberList",
  "Maintenance.Status",
  "Maintenance.Hash",
  "Maintenance.HashKV",
  "Maintenance.Snapshot",
  "Auth.AuthStatus",
  "Auth.UserGet",
  "Auth.UserList",
  "Auth.RoleGet",
  "Auth.RoleList",
]);

const services = [KV, Lease, Cluster, Maintenance, Auth, Watch];
const all = services.flatMap((service) =>
  service.methods.map((method) => [`${service.name}.${method.name}`, method] as const),
);
const unary = all.flatMap(([name, method]) =>
  method.methodKind === "unary" ? [[name, method as DescMethodUnary] as const] : [],
);

/** How many times a call was sent, and what became of it. */
async function attempts(
  method: DescMethodUnary,
  failure: () => Error,
  options: { readonly endpoints?: readonly string[]; readonly idempotent?: boolean } = {},
): Promise<{ readonly sent: number; readonly error: unknown }> {
  const cluster = new FakeCluster();
  let left = 1;
  cluster.answer = () => {
    if (left-- > 0) throw failure();
    return {};
  };
  await using connection = cluster.connect(options.endpoints ?? [a, b]);
  await connection.ready();
  await cluster.clock.settle();
  const context = callContext({ idempotent: options.idempotent });
  const calling = connection.transport.unary(method, undefined, undefined, undefined, {}, context).then(
    () => undefined,
    (error: unknown) => error,
  );
  await cluster.clock.advance(1_000);
  return { sent: cluster.calls.length, error: await calling };
}

describe("the marks of the protocol", () => {
  it.each(all)("tell whether %s only reads", (name, method) => {
    expect(isRead(method)).toBe(reads.has(name));
  });

  it("are not taken for more than they say: IDEMPOTENT writes", () => {
    expect(isRead({ idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENT })).toBe(false);
    expect(isRead({ idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN })).toBe(false);
  });
});

describe("every call with one answer", () => {
  it("is one of 38", () => {
    expect(unary.length).toBe(38);
  });

  it.each(unary)("%s is sent again when it was never looked at", async (_, method) => {
    for (const disposition of ["unsent", "refused"] as const) {
      expect(await attempts(method, () => unprocessed(disposition))).toEqual({ sent: 2, error: undefined });
    }
  });

  it.each(unary)("%s is sent again after an unclear failure only if it reads", async (name, method) => {
    const unclear = [
      reset,
      () => status("transport is closing", Code.Unavailable),
      () => status("etcdserver: leader changed", Code.Unavailable),
      () => status("etcdserver: request timed out", Code.Unavailable),
      () => status("context canceled", Code.Canceled),
      () => status("context deadline exceeded", Code.DeadlineExceeded),
      () => status("etcdserver: request canceled", Code.Canceled),
    ];
    for (const failure of unclear) {
      const { sent, error } = await attempts(method, failure);
      if (reads.has(name)) expect({ sent, error }).toEqual({ sent: 2, error: undefined });
      else expect({ sent, error }).toMatchObject({ sent: 1, error: { outcome: "unknown" } });
    }
  });

  it.each(unary)("%s is sent again when its caller calls it idempotent", async (_, method) => {
    expect(await attempts(method, reset, { idempotent: true })).toEqual({ sent: 2, error: undefined });
  });

  it.each(unary)("%s is never sent again after a clear answer", async (name, method) => {
    const answers = [
      () => status("etcdserver: key is not provided", Code.InvalidArgument),
      () => status("etcdserver: mvcc: database space exceeded", Code.ResourceExhausted),
      () => status("etcdserver: too many requests"),
      () => status("etcdserver: permission denied", Code.PermissionDenied),
      () => status("somebody divided by zero", Code.Internal),
      () => status("unknown service", Code.Unimplemented),
      () => status("etcdserver: corrupt cluster", Code.DataLoss),
    ];
    for (const failure of answers) {
      const { sent, error } = await attempts(method, failure, { idempotent: true });
      expect(sent).toBe(1);
      expect(error).toMatchObject(reads.has(name) ? { name: "EtcdError" } : { outcome: expect.any(String) });
    }
  });

  // kv_test.go:TestBalancerSupportLearner
  it.each(unary)("%s goes from a learner to another member, where there is one", async (_, method) => {
    const learner = () => status("etcdserver: rpc not supported for learner", Code.Unavailable);
    expect(await attempts(method, learner)).toEqual({ sent: 2, error: undefined });
    const alone = await attempts(method, learner, { endpoints: [a] });
    expect(alone).toMatchObject({ sent: 1, error: { code: "NOT_SUPPORTED_FOR_LEARNER" } });
  });
});

// client/v3/client_test.go:TestIsHaltErr, TestIsUnavailableErr
describe("what ends a read", () => {
  it.each([
    ["a status that is no error of the cluster's state", () => status("boom", Code.Internal), 1],
    ["an error that is nobody's", () => new Error("etcdserver: some etcdserver error"), 2],
    ["a server that stopped", () => status("etcdserver: server stopped", Code.Unavailable), 2],
    ["a member without leader", () => status("etcdserver: no leader", Code.Unavailable), 2],
    ["a typed error with another code", () => status("etcdserver: not leader", Code.Unavailable), 1],
  ])("%s (%#)", async (_, failure, sent) => {
    expect((await attempts(KV.method.range, failure)).sent).toBe(sent);
  });
});

describe("how often, and how long", () => {
  /** What a read does against members that always fail so. */
  async function exhausted(
    retry: { readonly maxAttempts?: number; readonly waitMs?: number; readonly jitter?: number },
    endpoints: readonly string[],
    runMs = 10_000,
  ) {
    const cluster = new FakeCluster();
    const times: number[] = [];
    cluster.answer = () => {
      times.push(cluster.clock.now());
      throw reset();
    };
    await using connection = cluster.connect(endpoints, { retry });
    await connection.ready();
    await cluster.clock.settle();
    const begun = cluster.clock.now();
    const failed = caught(connection.transport.unary(KV.method.range, undefined, undefined, undefined, {}));
    await cluster.clock.advance(runMs);
    return { error: await failed, times: times.map((time) => time - begun), route: cluster.route };
  }

  // client/v3/client_test.go:TestMaxUnaryRetries
  it("is as many attempts as maxAttempts says, the first included", async () => {
    for (const maxAttempts of [1, 2, 7]) {
      const { error, times } = await exhausted({ maxAttempts }, [a, b]);
      expect(times).toHaveLength(maxAttempts);
      expect(error).toMatchObject({ code: "UNAVAILABLE" });
    }
  });

  // client/v3/client_test.go:TestBackoff
  it("pauses only after a round over a quorum of the endpoints, and longer each time", async () => {
    const three = [a, b, "http://c:2379"];
    const { times } = await exhausted({ waitMs: 100, jitter: 0, maxAttempts: 8 }, three);
    expect(times).toEqual([0, 0, 100, 100, 300, 300, 700, 700]);
    const one = await exhausted({ waitMs: 100, jitter: 0, maxAttempts: 4 }, [a]);
    expect(one.times).toEqual([0, 100, 300, 700]);
  });

  it("counts the endpoints, not the links to them", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw reset();
    };
    await using connection = cluster.connect([a], { connectionsPerEndpoint: 8, retry: { jitter: 0 } });
    await connection.ready();
    const failed = caught(connection.transport.unary(KV.method.range, undefined, 60, undefined, {}));
    await cluster.clock.advance(60);
    expect(await failed).toMatchObject({ code: "DEADLINE" });
    expect(cluster.calls).toHaveLength(2); // at 0 and 25 ms; the next would be at 75 ms
  });

  it("goes to another endpoint each time", async () => {
    const { route } = await exhausted({ maxAttempts: 4, waitMs: 0 }, [a, b]);
    expect([`${a} ${b} ${a} ${b}`, `${b} ${a} ${b} ${a}`]).toContain(route.join(" "));
  });

  it("pauses no longer than 5 s, and ends with DEADLINE and the last failure", async () => {
    const { error, times } = await exhausted({ waitMs: 4_000, jitter: 0 }, [a], 10_000);
    expect(times).toEqual([0, 4_000, 9_000]);
    expect(error).toMatchObject({ code: "DEADLINE", cause: { code: "UNAVAILABLE" }, endpoint: a });
    expect(String(error)).toContain("did not finish within 10000 ms: read ECONNRESET");
  });

  it.each([
    { disposition: "unsent", ending: "did not finish within 60 ms: the limit of streams" },
    { disposition: "unknown", ending: "did not finish within 60 ms" },
  ] as const)(
    "says, when time is up, why a request is $disposition: $ending",
    async ({ disposition, ending }) => {
      const cluster = new FakeCluster();
      let fail = (_reason: unknown): void => undefined;
      cluster.answer = () =>
        new Promise((_, reject) => {
          fail = reject;
        });
      await using connection = cluster.connect([a]);
      await connection.ready();
      const failed = caught(connection.transport.unary(KV.method.range, undefined, 60, undefined, {}));
      await cluster.clock.settle();
      cluster.clock.stall(60);
      fail(Object.assign(new ConnectError("the limit of streams", Code.DeadlineExceeded), { disposition }));
      const error = await failed;
      expect(error).toMatchObject({ code: "DEADLINE" });
      expect(String(error).replace(/ \(Range at .*\)$/, "")).toMatch(new RegExp(`${ending}$`));
    },
  );
});
