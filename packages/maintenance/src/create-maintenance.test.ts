import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { connect } from "@etcdkit/core";
import {
  type AlarmRequest,
  AlarmRequest_AlarmAction,
  type AlarmResponseSchema,
  AlarmType,
  DowngradeRequest_DowngradeAction,
  Maintenance as Service,
  type StatusResponseSchema,
} from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { createMaintenance } from "./create-maintenance.js";
import type { Maintenance } from "./maintenance.js";

const header = { clusterId: 1n, memberId: 2n ** 63n, revision: 3n, raftTerm: 4n };
const noHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };
const first = "http://first:2379";
const second = "http://second:2379";

interface Fake {
  readonly maintenance: Maintenance;
  /** What the members were sent: whom, and what. */
  readonly requests: { readonly endpoint: string; readonly request: unknown; readonly timeoutMs?: number }[];
}

/** Two members, of which the connection has the first; they answer as told. */
function fake(answers: Partial<ServiceImpl<typeof Service>> = {}): Fake {
  const requests: Fake["requests"] = [];
  const connection = connect({
    endpoints: first,
    transport: ({ url }) => {
      const inner = createRouterTransport(({ service }) => {
        service(Service, {
          status: () => ({}),
          alarm: () => ({}),
          defragment: () => ({}),
          hash: () => ({}),
          hashKV: () => ({}),
          moveLeader: () => ({}),
          downgrade: () => ({}),
          ...answers,
        });
      });
      return {
        unary(method, signal, timeoutMs, headers, request, context) {
          requests.push({ endpoint: url, request, ...(timeoutMs !== undefined && { timeoutMs }) });
          return inner.unary(method, signal, undefined, headers, request, context);
        },
        stream: inner.stream,
      };
    },
  });
  return { maintenance: createMaintenance(connection), requests };
}

function status(answer: MessageInitShape<typeof StatusResponseSchema>): Maintenance {
  return fake({ status: () => answer }).maintenance;
}

describe("status", () => {
  it("tells all that a member says, sizes in bytes", async () => {
    const maintenance = status({
      header,
      version: "3.7.1",
      storageVersion: "3.7.0",
      dbSize: 20_480n,
      dbSizeInUse: 16_384n,
      dbSizeQuota: 2n ** 31n,
      leader: 2n ** 63n,
      raftIndex: 9n,
      raftAppliedIndex: 8n,
      raftTerm: 4n,
      errors: ["memberID:1 alarm:NOSPACE "],
      downgradeInfo: { enabled: true, targetVersion: "3.6.0" },
    });
    expect(await maintenance.status(second)).toEqual({
      header: expect.objectContaining(header),
      version: "3.7.1",
      storageVersion: "3.7.0",
      dbSizeBytes: 20_480,
      dbSizeInUseBytes: 16_384,
      dbSizeQuotaBytes: 2 ** 31,
      leaderId: 2n ** 63n,
      isLeader: true,
      isLearner: false,
      raftIndex: 9n,
      raftAppliedIndex: 8n,
      raftTerm: 4n,
      errors: ["memberID:1 alarm:NOSPACE "],
      downgrade: { targetVersion: "3.6.0" },
    });
  });

  it("leaves out what an older member does not tell, and a leader that is not known", async () => {
    const answer = await status({ version: "3.4.23", isLearner: true, downgradeInfo: {} }).status(second);
    expect(answer).toEqual({
      header: expect.objectContaining(noHeader),
      version: "3.4.23",
      dbSizeBytes: 0,
      dbSizeInUseBytes: 0,
      isLeader: false,
      isLearner: true,
      raftIndex: 0n,
      raftAppliedIndex: 0n,
      raftTerm: 0n,
      errors: [],
    });
  });
});

describe("a call to a member", () => {
  it("goes to the endpoint that is named, whether or not it is one of the connection's", async () => {
    const { maintenance, requests } = fake();
    await maintenance.status(second);
    await maintenance.defragment(first);
    await maintenance.hash(second);
    await maintenance.hashKv(second, { revision: 7n });
    await maintenance.moveLeader(second, 2n ** 64n - 1n);
    expect(requests.map(({ endpoint, request }) => [endpoint, request])).toEqual([
      [second, {}],
      [first, {}],
      [second, {}],
      [second, { revision: 7n }],
      [second, { targetID: 2n ** 64n - 1n }],
    ]);
  });

  it("has the time limit of the connection, except where the work takes as long as it takes", async () => {
    const { maintenance, requests } = fake();
    await maintenance.status(second);
    await maintenance.defragment(second);
    await maintenance.moveLeader(second, 1n);
    await maintenance.defragment(second, { timeoutMs: 5_000 });
    await maintenance.moveLeader(second, 1n, { timeoutMs: 5_000 });
    const limits = requests.map(({ timeoutMs = Number.POSITIVE_INFINITY }) => Math.ceil(timeoutMs / 1_000));
    expect(limits[0]).toBe(10);
    expect(limits.slice(1, 3).every((limit) => limit <= 0 || limit === Number.POSITIVE_INFINITY)).toBe(true);
    expect(limits.slice(3)).toEqual([5, 5]);
  });

  it.each<[string, (maintenance: Maintenance) => Promise<unknown>, unknown]>([
    ["status without an endpoint", (m) => m.status(undefined as unknown as string), TypeError],
    ["an empty endpoint", (m) => m.hash(""), TypeError],
    ["an endpoint that is none", (m) => m.status("ftp://x"), TypeError],
    ["an endpoint with TLS on a connection without", (m) => m.status("https://x:1"), TypeError],
    ["a revision of 0n", (m) => m.hashKv(first, { revision: 0n }), RangeError],
    ["a member id of 0n", (m) => m.moveLeader(first, 0n), RangeError],
    ["a member id that is no bigint", (m) => m.moveLeader(first, 1 as unknown as bigint), TypeError],
    ["an option that is none", (m) => m.status(first, { timeout: 1 } as object), TypeError],
    ["an alarm of no kind", (m) => m.alarmDisarm({ type: "none" as "corrupt" }), TypeError],
    ["alarms of member 0n", (m) => m.alarmDisarm({ memberId: 0n }), RangeError],
    ["alarms as a list", (m) => m.alarmDisarm([] as object), TypeError],
    ["an action that is none", (m) => m.downgrade("start" as "enable", "3.6"), TypeError],
    ["a downgrade to nothing", (m) => m.downgrade("enable", ""), TypeError],
    ["a downgrade to no text", (m) => m.downgrade("validate", 3.6 as unknown as string), TypeError],
    ["a version to cancel", (m) => m.downgrade("cancel", "3.6" as never), TypeError],
    ["a snapshot that may be repeated", (m) => m.snapshot({ idempotent: true } as object), TypeError],
    ["a feature that is none", (m) => m.supports("toString" as "gzip"), TypeError],
  ])("refuses %s, and asks nobody", async (_title, call, expected) => {
    const { maintenance, requests } = fake();
    await expect(call(maintenance)).rejects.toBeInstanceOf(expected);
    expect(requests).toEqual([]);
  });
});

describe("a call that any member answers", () => {
  it("goes to the connection's endpoints unless one is named", async () => {
    const { maintenance, requests } = fake({ status: () => ({ version: "3.7.1" }) });
    for (const endpoint of [undefined, second]) {
      await maintenance.alarmList({ endpoint });
      await maintenance.alarmDisarm({ memberId: 1n, type: "corrupt" }, { endpoint });
      await maintenance.downgrade("cancel", { endpoint });
      await maintenance.supports("gzip", { endpoint });
    }
    expect(requests.map(({ endpoint }) => endpoint)).toEqual([
      ...Array.from({ length: 4 }, () => first),
      ...Array.from({ length: 4 }, () => second),
    ]);
  });

  it("turns the words of a downgrade into etcd's", async () => {
    const { maintenance, requests } = fake({ downgrade: () => ({ header, version: "3.7" }) });
    expect(await maintenance.downgrade("validate", "3.6")).toEqual({
      header: expect.objectContaining(header),
      version: "3.7",
    });
    await maintenance.downgrade("enable", "3.6");
    await maintenance.downgrade("cancel");
    expect(requests.map(({ request }) => request)).toEqual([
      { action: DowngradeRequest_DowngradeAction.VALIDATE, version: "3.6" },
      { action: DowngradeRequest_DowngradeAction.ENABLE, version: "3.6" },
      { action: DowngradeRequest_DowngradeAction.CANCEL, version: "" },
    ]);
  });
});

describe("hashKv", () => {
  it("tells a hash, and revisions where there are any", async () => {
    const known = { header, hash: 2 ** 32 - 1, compactRevision: 5n, hashRevision: 9n };
    expect(await fake({ hashKV: () => known }).maintenance.hashKv(first)).toEqual({
      ...known,
      header: expect.objectContaining(header),
    });
    // Of a store that was never compacted, and of a member before 3.6.
    const answer = { hash: 1, compactRevision: -1n };
    expect(await fake({ hashKV: () => answer }).maintenance.hashKv(first)).toEqual({
      header: expect.objectContaining(noHeader),
      hash: 1,
    });
  });

  it("tells the hash of the whole database by another name", async () => {
    const { maintenance } = fake({ hash: () => ({ header, hash: 7 }) });
    expect(await maintenance.hash(first)).toEqual({ header: expect.objectContaining(header), hash: 7 });
  });
});

describe("alarms", () => {
  const raised = [
    { memberID: 1n, alarm: AlarmType.NOSPACE },
    { memberID: 2n, alarm: AlarmType.NOSPACE },
    { memberID: 2n, alarm: AlarmType.CORRUPT },
    { memberID: 3n, alarm: 9 as AlarmType },
  ];

  /** Members with these alarms, which forget those that are disarmed. */
  function alarmed(): Fake & { readonly asked: AlarmRequest[] } {
    const asked: AlarmRequest[] = [];
    const alarm = (request: AlarmRequest): MessageInitShape<typeof AlarmResponseSchema> => {
      asked.push(request);
      if (request.action === AlarmRequest_AlarmAction.GET) return { header, alarms: raised };
      const { memberID, alarm } = request;
      const revision = header.revision + BigInt(asked.length);
      const fitting = raised.filter((one) => one.memberID === memberID && one.alarm === alarm);
      return { header: { ...header, revision }, alarms: fitting };
    };
    return { ...fake({ alarm }), asked };
  }

  it("are listed with the member that raised them", async () => {
    const { maintenance, asked } = alarmed();
    expect(await maintenance.alarmList()).toEqual({
      header: expect.objectContaining(header),
      alarms: [
        { memberId: 1n, type: "nospace" },
        { memberId: 2n, type: "nospace" },
        { memberId: 2n, type: "corrupt" },
        { memberId: 3n, type: "unknown" },
      ],
    });
    expect(asked).toMatchObject([{ memberID: 0n, alarm: AlarmType.NONE }]);
  });

  it.each([
    [undefined, 4],
    [{}, 4],
    [{ memberId: 2n }, 2],
    [{ type: "nospace" }, 2],
    [{ memberId: 9n }, 0],
  ] as const)("are listed and then disarmed one by one when the choice is %o", async (which, count) => {
    const { maintenance, asked } = alarmed();
    const { header: last, alarms } = await maintenance.alarmDisarm(which);
    expect(alarms).toHaveLength(count);
    expect(asked).toHaveLength(count + 1);
    expect(asked.map(({ action }) => action)).toEqual([
      AlarmRequest_AlarmAction.GET,
      ...alarms.map(() => AlarmRequest_AlarmAction.DEACTIVATE),
    ]);
    expect(last.revision).toBe(count === 0 ? header.revision : header.revision + BigInt(asked.length));
  });

  it("are disarmed at once when member and kind are named", async () => {
    const { maintenance, asked } = alarmed();
    const { alarms } = await maintenance.alarmDisarm({ memberId: 2n, type: "corrupt" });
    expect(alarms).toEqual([{ memberId: 2n, type: "corrupt" }]);
    expect(asked.map(({ action }) => action)).toEqual([AlarmRequest_AlarmAction.DEACTIVATE]);
  });

  it("are all disarmed within the time that the call is given", async () => {
    const { maintenance, requests } = fake({
      alarm: async ({ action }) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return action === AlarmRequest_AlarmAction.GET ? { alarms: raised } : {};
      },
    });
    await maintenance.alarmDisarm({}, { timeoutMs: 60_000 });
    const left = requests.map(({ timeoutMs = 0 }) => timeoutMs);
    expect(left).toHaveLength(1 + raised.length);
    expect(left.toSorted((a, b) => b - a)).toEqual(left);
    expect(left.at(-1)).toBeLessThan(60_000 - 4 * 4);
  });

  it("are listed again when a member fails, but never disarmed again", async () => {
    const counts = { list: 0, disarm: 0 };
    const { maintenance } = fake({
      alarm: ({ action }) => {
        const lists = action === AlarmRequest_AlarmAction.GET;
        counts[lists ? "list" : "disarm"] += 1;
        if (lists && counts.list > 1) return { alarms: raised };
        throw new ConnectError("etcdserver: leader changed", Code.Unavailable);
      },
    });
    await expect(maintenance.alarmDisarm()).rejects.toMatchObject({
      code: "LEADER_CHANGED",
      outcome: "unknown",
    });
    expect(counts).toEqual({ list: 2, disarm: 1 });
  });
});

describe("supports", () => {
  it("judges the member that answers by its version", async () => {
    const maintenance = status({ version: "3.6.14" });
    expect(await maintenance.supports("range-stream")).toBe(false);
    expect(await maintenance.supports("snapshot-version", { endpoint: second })).toBe(true);
    await expect(status({}).supports("gzip")).rejects.toMatchObject({ code: "PROTOCOL" });
  });
});

describe("an error", () => {
  it("is etcd's own, by its code", async () => {
    const { maintenance } = fake({
      moveLeader: () => {
        throw new ConnectError("etcdserver: not leader", Code.FailedPrecondition);
      },
    });
    await expect(maintenance.moveLeader(second, 1n)).rejects.toMatchObject({
      code: "NOT_LEADER",
      outcome: "not-applied",
      endpoint: second,
    });
  });
});
