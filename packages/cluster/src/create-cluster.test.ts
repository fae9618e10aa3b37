import type { DescMessage, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { type CallOptions, connect, outcomeOf } from "@etcdkit/core";
import { Cluster as ClusterService } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import type { Cluster } from "./cluster.js";
import { createCluster } from "./create-cluster.js";

const header = { clusterId: 1n, memberId: 2n, revision: 3n, raftTerm: 4n };
const noHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };
const id = 0x8e9e05c52164694dn;
const url = "http://127.0.0.1:2380";

interface Sent {
  readonly method: string;
  readonly request: unknown;
  readonly headers: Headers;
}

/** A server that remembers what it was sent and gives every method the same answer, or the same error. */
function fake(answer: Readonly<Record<string, unknown>> | Error = { member: {} }): {
  cluster: Cluster;
  sent: Sent[];
} {
  const sent: Sent[] = [];
  const transport = createRouterTransport((router) => {
    for (const method of ClusterService.methods) {
      const unary = method as DescMethodUnary<DescMessage, DescMessage>;
      router.rpc(unary, (request, { requestHeader }): MessageInitShape<DescMessage> => {
        sent.push({ method: method.name, request, headers: requestHeader });
        if (answer instanceof Error) throw answer;
        return answer;
      });
    }
  });
  const connection = connect({ endpoints: "http://fake:2379", transport: () => transport });
  return { cluster: createCluster(connection), sent };
}

type Call = (cluster: Cluster, call?: CallOptions) => Promise<unknown>;

/** Every method, with what it sends. */
const methods: readonly (readonly [name: string, call: Call, request: object])[] = [
  ["MemberList", (cluster, call) => cluster.list(call), { linearizable: true }],
  ["MemberAdd", (cluster, call) => cluster.add(url, call), { peerURLs: [url], isLearner: false }],
  ["MemberRemove", (cluster, call) => cluster.remove(id, call), { ID: id }],
  ["MemberUpdate", (cluster, call) => cluster.update(id, url, call), { ID: id, peerURLs: [url] }],
  ["MemberPromote", (cluster, call) => cluster.promote(id, call), { ID: id }],
];
const calls = methods.map(([name, call]) => [name, call] as const);

describe("createCluster", () => {
  it("has a call for every method of etcd's service", () => {
    const all = ClusterService.methods.map(({ name }) => name);
    expect(methods.map(([name]) => name).sort()).toEqual(all.sort());
  });

  it.each(methods)("%s sends what it is given", async (method, call, request) => {
    const { cluster, sent } = fake();
    await call(cluster);
    expect(sent).toMatchObject([{ method, request }]);
  });

  it("lists members of one's own when told so, and adds learners", async () => {
    const { cluster, sent } = fake();
    await cluster.list({ serializable: true });
    await cluster.add(url, { learner: true });
    expect(sent).toMatchObject([{ request: { linearizable: false } }, { request: { isLearner: true } }]);
  });

  it.each(calls)("%s takes the options of a call, and no others", async (_, call) => {
    const { cluster, sent } = fake();
    await call(cluster, { headers: { "x-trace": "7" } });
    expect(sent[0]?.headers.get("x-trace")).toBe("7");
    const misspelt = { linearizable: true } as CallOptions;
    await expect(call(cluster, misspelt)).rejects.toThrow(/^unknown option "linearizable" of /);
    await expect(call(cluster, { timeoutMs: 0 })).rejects.toThrow(RangeError);
    expect(sent).toHaveLength(1);
  });

  it.each(calls)("%s ends with the reason of its signal", async (_, call) => {
    const { cluster, sent } = fake();
    const reason = new Error("changed my mind");
    await expect(call(cluster, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(sent).toEqual([]);
  });

  it("tells of changes, and of changes only, what is known of them", async () => {
    const { cluster } = fake(new ConnectError("broken", Code.Internal));
    const outcomes = await Promise.all(
      calls.map(async ([name, call]) => [
        name,
        outcomeOf(await call(cluster).catch((error: unknown) => error)),
      ]),
    );
    expect(Object.fromEntries(outcomes)).toEqual({
      MemberList: undefined,
      MemberAdd: "unknown",
      MemberRemove: "unknown",
      MemberUpdate: "unknown",
      MemberPromote: "unknown",
    });
  });

  it.each(calls)("%s rejects with the code of etcd's error", async (_, call) => {
    const { cluster } = fake(new ConnectError("etcdserver: member not found", Code.NotFound));
    await expect(call(cluster)).rejects.toMatchObject({ code: "MEMBER_NOT_FOUND" });
  });

  it.each<readonly [string, (cluster: Cluster) => Promise<unknown>]>([
    ["serializable", (cluster) => cluster.list({ serializable: "no" as never })],
    ["learner", (cluster) => cluster.add(url, { learner: 1 as never })],
  ])("refuses a %s that is no boolean", async (name, call) => {
    const { cluster, sent } = fake();
    await expect(call(cluster)).rejects.toThrow(new TypeError(`${name} must be a boolean`));
    expect(sent).toEqual([]);
  });

  it.each([
    [0n, RangeError],
    [-1n, RangeError],
    [2n ** 64n, RangeError],
    [5, TypeError],
    ["8e9e05c52164694d", TypeError],
    [undefined, TypeError],
  ])("refuses %s as the id of a member", async (bad, type) => {
    const { cluster, sent } = fake();
    const attempts = [
      cluster.remove(bad as never),
      cluster.update(bad as never, url),
      cluster.promote(bad as never),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toThrow(type);
    expect(sent).toEqual([]);
  });
});

describe("an answer", () => {
  const member = {
    ID: id,
    name: "m1",
    peerURLs: [url],
    clientURLs: ["http://127.0.0.1:2379"],
    isLearner: true,
  };
  const decoded = {
    id,
    name: "m1",
    peerUrls: [url],
    clientUrls: ["http://127.0.0.1:2379"],
    isLearner: true,
  };

  it.each(calls)("to %s has the header and the members", async (_, call) => {
    const { cluster } = fake({ header, member: {}, members: [member] });
    await expect(call(cluster)).resolves.toMatchObject({ header, members: [decoded] });
  });

  it.each(calls)("to %s has a header of zeros and no members where the server sent none", async (_, call) => {
    const { cluster } = fake();
    await expect(call(cluster)).resolves.toMatchObject({ header: noHeader, members: [] });
  });

  it("names the member that was added", async () => {
    const { cluster } = fake({ header, member: { ID: 7n, peerURLs: [url] }, members: [member] });
    await expect(cluster.add(url)).resolves.toMatchObject({
      member: { id: 7n, name: "", peerUrls: [url], clientUrls: [], isLearner: false },
      members: [decoded],
    });
  });

  it("that does not is a PROTOCOL error of unknown outcome", async () => {
    const { cluster } = fake({ header });
    await expect(cluster.add(url)).rejects.toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
  });
});
