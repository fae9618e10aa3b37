import { createKv } from "@etcdkit/kv";
import { createHealth, createMaintenance, type MemberStatus } from "@etcdkit/maintenance";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

const soon = { timeout: 20_000 };

// The cases follow one another: the last ones add a learner.
describeEachEtcd("the members of a cluster", (etcd) => {
  const quotaBytes = 3_000_000_000;
  const shared = etcd.shared({ members: 3, args: ["--quota-backend-bytes", `${quotaBytes}`] });

  // maintenance_test.go:TestMaintenanceStatus, common/status_test.go:TestStatus, common/endpoint_test.go:TestEndpointStatus
  it("tell their status each for itself, and agree on who leads", async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const { header } = await createKv(connection).put(uniqueKey(), "value");
    const statuses: MemberStatus[] = [];
    for (const endpoint of shared.endpoints) {
      // Followers apply a write a little later than they confirm it.
      await expect
        .poll(async () => (await maintenance.status(endpoint)).header.revision, soon)
        .toBe(header.revision);
      statuses.push(await maintenance.status(endpoint));
    }
    const ids = statuses.map((status) => status.header.memberId);
    expect(new Set(ids).size).toBe(3);
    expect(statuses.filter(({ isLeader }) => isLeader)).toHaveLength(1);
    for (const status of statuses) {
      expect(ids).toContain(status.leaderId);
      expect(status).toMatchObject({ version: etcd.version, isLearner: false, errors: [] });
      expect(status.leaderId).toBe(statuses[0]?.leaderId);
      expect(status.raftTerm).toBe(header.raftTerm);
      expect(status.raftAppliedIndex).toBeLessThanOrEqual(status.raftIndex);
      expect(status.dbSizeInUseBytes).toBeGreaterThan(0);
      expect(status.dbSizeBytes).toBeGreaterThanOrEqual(status.dbSizeInUseBytes);
      expect(status.dbSizeQuotaBytes).toBe(etcd.has("maintenance-details") ? quotaBytes : undefined);
    }
  });

  it("tell the version of their database once the cluster has settled on one", async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const minor = etcd.version.replace(/\.\d+$/, ".0");
    const expected = etcd.has("maintenance-details") ? minor : undefined;
    for (const endpoint of shared.endpoints) {
      await expect.poll(async () => (await maintenance.status(endpoint)).storageVersion, soon).toBe(expected);
    }
  });

  // maintenance_test.go:TestMaintenanceHashKV, common/hashkv_test.go:TestVerifyHashKV, common/endpoint_test.go:TestEndpointHashKV, integration/v3_grpc_test.go:TestV3HashKV
  it("have the same hash of the same revision, and another one of another", async () => {
    await using connection = shared.connect();
    const [maintenance, kv] = [createMaintenance(connection), createKv(connection)];
    const hashes = async (revision: bigint): Promise<readonly number[]> =>
      await Promise.all(
        shared.endpoints.map(async (endpoint) => {
          // Linearizable, so that the member has seen the revision.
          await using direct = shared.connect({ endpoints: endpoint });
          await createKv(direct).get("any");
          const answer = await maintenance.hashKv(endpoint, { revision });
          expect(answer.hashRevision).toBe(etcd.has("maintenance-details") ? revision : undefined);
          return answer.hash;
        }),
      );
    const key = uniqueKey();
    let before = 0;
    for (const value of ["a", "b", "c"]) {
      const { header } = await kv.put(key, value);
      const [hash = 0, ...others] = await hashes(header.revision);
      expect(others).toEqual([hash, hash]);
      expect(hash).not.toBe(before);
      before = hash;
    }
    const newest = await maintenance.hashKv(shared.endpoints[0] ?? "");
    expect(newest.hash).toBe(before);
  });

  // maintenance_test.go:TestCompactionHash
  it("have the same hash after a compaction, and refuse what is gone or still to come", async () => {
    await using connection = shared.connect();
    const [maintenance, kv] = [createMaintenance(connection), createKv(connection)];
    const key = uniqueKey();
    const first = (await kv.put(key, "old")).header.revision;
    const second = (await kv.put(key, "new")).header.revision;
    await kv.compact(second, { physical: true });
    // What was compacted up to is known with the hash that it had until then.
    const third = (await kv.put(key, "newer")).header.revision;
    const answers: unknown[] = [];
    for (const endpoint of shared.endpoints) {
      // Every member compacts by itself, after it has heard of it.
      await expect
        .poll(async () => (await maintenance.hashKv(endpoint, { revision: third })).compactRevision, soon)
        .toBe(second);
      const { hash, compactRevision } = await maintenance.hashKv(endpoint, { revision: third });
      answers.push({ hash, compactRevision });
      const gone = await rejection(() => maintenance.hashKv(endpoint, { revision: first }));
      expect(gone.error).toMatchObject({ code: "COMPACTED", endpoint });
      const future = await rejection(() => maintenance.hashKv(endpoint, { revision: third + 1_000n }));
      expect(future.error.code).toBe("FUTURE_REV");
    }
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
  });

  // integration/v3_grpc_test.go:TestV3Hash, TestV3HashRestart
  it("keep their hashes over a restart", async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const [, , third] = shared.cluster.members;
    if (third === undefined) throw new Error("the cluster has three members");
    expect((await maintenance.hash(third.endpoint)).hash).toBeGreaterThan(0);
    const before = await maintenance.hashKv(third.endpoint);
    await third.restart();
    const after = await maintenance.hashKv(third.endpoint, { revision: before.header.revision });
    expect(after.hash).toBe(before.hash);
    expect((await maintenance.hash(third.endpoint)).header.memberId).toBe(before.header.memberId);
  });

  // common/defrag_test.go:TestDefragOnline
  it("give back free space one by one, while the others serve", async () => {
    await using connection = shared.connect();
    const [maintenance, kv] = [createMaintenance(connection), createKv(connection)];
    const prefix = uniqueKey();
    const value = new Uint8Array(200_000);
    for (let i = 0; i < 20; i++) await kv.put(`${prefix}${i}`, value);
    const { header } = await kv.delete({ prefix });
    await kv.compact(header.revision, { physical: true });
    for (const endpoint of shared.endpoints) {
      const free = async (): Promise<number> => {
        // A database counts its free pages when it is written to.
        await kv.put(`${prefix}meanwhile`, "x");
        const { dbSizeBytes, dbSizeInUseBytes } = await maintenance.status(endpoint);
        return dbSizeBytes - dbSizeInUseBytes;
      };
      await expect.poll(free, soon).toBeGreaterThan(3_000_000);
      const defragmented = maintenance.defragment(endpoint);
      await kv.put(`${prefix}meanwhile`, "x");
      await expect(defragmented).resolves.toBeUndefined();
      expect(await free()).toBeLessThan(1_000_000);
    }
    expect((await kv.delete({ prefix })).deleted).toBe(1);
  });

  // maintenance_test.go:TestMaintenanceMoveLeader,
  // integration/v3_leadership_test.go:TestMoveLeaderService, TestMoveLeaderError
  it("hand over leadership when the leader is told to, and only then", async () => {
    const { leader, followers } = await rolesOf(shared.cluster);
    const [follower] = followers;
    if (follower === undefined) throw new Error("the cluster has three members");
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const target = (await maintenance.status(follower.endpoint)).header.memberId;
    const refused = await rejection(() => maintenance.moveLeader(follower.endpoint, target));
    expect(refused.error).toMatchObject({
      code: "NOT_LEADER",
      outcome: "not-applied",
      endpoint: follower.endpoint,
    });
    const stranger = await rejection(() => maintenance.moveLeader(leader.endpoint, 12_345n));
    expect(stranger.error.code).toBe("BAD_LEADER_TRANSFEREE");

    await expect(maintenance.moveLeader(leader.endpoint, target)).resolves.toBeUndefined();
    expect((await rolesOf(shared.cluster)).leader.endpoint).toBe(follower.endpoint);
    expect(await maintenance.status(follower.endpoint)).toMatchObject({ isLeader: true, leaderId: target });
  });

  // common/endpoint_test.go:TestEndpointHealth
  it("tell that they serve", async () => {
    await using connection = shared.connect();
    const health = createHealth(connection);
    for (const endpoint of shared.endpoints) {
      expect(await health.check(endpoint)).toBe("serving");
      for await (const status of health.watch(endpoint)) {
        expect(status).toBe("serving");
        break;
      }
      const listed = health.list(endpoint);
      if (etcd.has("health-list")) expect([...(await listed)]).toContainEqual(["", "serving"]);
      else await expect(listed).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
    }
  });

  it("say what they support by their version", async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const supported = {
      downgrade: etcd.has("downgrade"),
      gzip: etcd.has("gzip"),
      "hash-revision": etcd.has("maintenance-details"),
      "health-list": etcd.has("health-list"),
      "learner-snapshot": etcd.has("learner-snapshot"),
      "range-stream": etcd.has("range-stream"),
      "snapshot-version": etcd.has("maintenance-details"),
      "status-quota": etcd.has("maintenance-details"),
      "stop-on-defrag": etcd.has("stop-on-defrag"),
    } as const;
    for (const [feature, expected] of Object.entries(supported)) {
      const answer = maintenance.supports(feature as keyof typeof supported);
      expect([feature, await answer]).toEqual([feature, expected]);
    }
  });

  // integration/v3_leadership_test.go:TestMoveLeaderToLearnerError
  it("cannot hand over leadership to a learner, which tells its status and little else", async () => {
    const learner = await shared.cluster.addMember({ learner: true });
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const { header, isLearner } = await maintenance.status(learner.endpoint);
    expect(isLearner).toBe(true);
    const { leader } = await rolesOf(shared.cluster);
    const refused = await rejection(() => maintenance.moveLeader(leader.endpoint, header.memberId));
    expect(refused.error).toMatchObject({ code: "BAD_LEADER_TRANSFEREE", outcome: "not-applied" });

    const hash = await rejection(() => maintenance.hashKv(learner.endpoint));
    expect(hash.error.code).toBe("NOT_SUPPORTED_FOR_LEARNER");
    const check = await rejection(() => createHealth(connection).check(learner.endpoint));
    expect(check.error.code).toBe("NOT_SUPPORTED_FOR_LEARNER");
    const opening = maintenance.snapshot({ endpoint: learner.endpoint });
    if (!etcd.has("learner-snapshot")) {
      await expect(opening).rejects.toMatchObject({ code: "NOT_SUPPORTED_FOR_LEARNER" });
      return;
    }
    await using snapshot = await opening;
    for await (const _ of snapshot);
    expect(snapshot.digest).toHaveLength(32);
  });
});
