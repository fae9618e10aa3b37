import { type Cluster, createCluster, type Member } from "@etcdkit/cluster";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";

let port = 1_200;

/**
 * One that no server listens at, as what is added here is never started, and another one each time: an id is made of the
 * URLs and the second, and the id of a member that was removed never comes back.
 */
function newUrl(): string {
  port += 1;
  return `http://127.0.0.1:${port}`;
}

// Without the check, so that members that never start can be added. The cases take away what they added.
describeEachEtcd("the members of a cluster", (etcd) => {
  const shared = etcd.shared({ members: 3, args: ["--strict-reconfig-check=false"] });

  /** One member, since another may not have heard of the last change yet. */
  async function withCluster(
    act: (cluster: Cluster) => Promise<void>,
    endpoint = shared.endpoints[0] ?? "",
  ): Promise<void> {
    await using connection = shared.connect({ endpoints: endpoint });
    await act(createCluster(connection));
  }

  /** A follower, since members pass on what the leader has to do. */
  async function withFollower(act: (cluster: Cluster) => Promise<void>): Promise<void> {
    const { followers } = await rolesOf(shared.cluster);
    await withCluster(act, followers[0]?.endpoint);
  }

  async function find(cluster: Cluster, id: bigint): Promise<Member | undefined> {
    return (await cluster.list()).members.find((member) => member.id === id);
  }

  // cluster_test.go:TestMemberList, common/member_test.go:TestMemberList
  it("are listed alike by all of them, with their names and URLs", async () => {
    for (const { endpoint } of shared.cluster.members) {
      await withCluster(async (cluster) => {
        for (const serializable of [false, true]) {
          const { header, members } = await cluster.list({ serializable });
          expect(header.clusterId).not.toBe(0n);
          expect(members.map((member) => member.id)).toContain(header.memberId);
          expect(new Set(members.map((member) => member.id)).size).toBe(3);
          expect([...members].sort((a, b) => a.name.localeCompare(b.name))).toMatchObject(
            shared.cluster.members.map((member) => ({
              name: member.name,
              peerUrls: [member.peerUrl],
              clientUrls: [member.endpoint],
              isLearner: false,
            })),
          );
        }
      }, endpoint);
    }
  });

  // cluster_test.go:TestMemberAdd
  it("may become more: a new one has URLs and an id, and no name before it starts", async () => {
    await withCluster(async (cluster) => {
      const url = newUrl();
      const { member, members } = await cluster.add([url]);
      expect(member).toEqual({ id: member.id, name: "", peerUrls: [url], clientUrls: [], isLearner: false });
      expect(members).toHaveLength(4);
      expect(members).toContainEqual(member);
      await expect(find(cluster, member.id)).resolves.toEqual(member);
      const left = await cluster.remove(member.id);
      expect(left.members).toHaveLength(3);
      await expect(find(cluster, member.id)).resolves.toBeUndefined();
    });
  });

  it("may have several URLs each, in any order", async () => {
    await withCluster(async (cluster) => {
      const { member } = await cluster.add(" http://127.0.0.1:1236,http://127.0.0.1:1235 ", {
        learner: true,
      });
      expect([...member.peerUrls].sort()).toEqual(["http://127.0.0.1:1235", "http://127.0.0.1:1236"]);
      await cluster.remove(member.id);
    });
  });

  // cluster_test.go:TestMemberAddWithExistingURLs
  it("never share URLs", async () => {
    await withCluster(async (cluster) => {
      const [first, second] = (await cluster.list()).members;
      const exists = { code: "PEER_URL_EXIST", outcome: "not-applied" };
      await expect(cluster.add(first?.peerUrls ?? [])).rejects.toMatchObject(exists);
      await expect(cluster.update(second?.id ?? 0n, first?.peerUrls ?? [])).rejects.toMatchObject(exists);
    });
  });

  // cluster_test.go:TestMemberAddUpdateWrongURLs
  it.each([
    "://127.0.0.1:2379",
    "mailto://127.0.0.1:2379",
    "http://127.0.0.1",
    "http://127.0.0.1:2379/path",
    "127.0.0.1:1234",
    "localhost:1234",
  ])("are not given the URL %s: no server is asked", async (wrong) => {
    await withCluster(async (cluster) => {
      await expect(cluster.add([wrong])).rejects.toThrow(TypeError);
      await expect(cluster.update(1n, [wrong])).rejects.toThrow(TypeError);
    });
  });

  // cluster_test.go:TestMemberUpdate
  it("may move", async () => {
    await withCluster(async (cluster) => {
      const { followers } = await rolesOf(shared.cluster);
      const before = (await cluster.list()).members.find(({ name }) => name === followers[0]?.name);
      const id = before?.id ?? 0n;
      const url = newUrl();
      const { members } = await cluster.update(id, url);
      expect(members.find((member) => member.id === id)).toEqual({ ...before, peerUrls: [url] });
      await expect(find(cluster, id)).resolves.toEqual({ ...before, peerUrls: [url] });
      await cluster.update(id, before?.peerUrls ?? []);
      await expect(find(cluster, id)).resolves.toEqual(before);
    });
  });

  // cluster_test.go:TestMemberAddForLearner, TestMemberUpdateLearner
  const kept = etcd.has("learners-that-move");
  it(`may be learners, and ${kept ? "stay so" : "are listed as voters"} when they move`, async () => {
    await withCluster(async (cluster) => {
      const { member, members } = await cluster.add(newUrl(), { learner: true });
      expect(member).toMatchObject({ isLearner: true, name: "" });
      expect(members.filter(({ isLearner }) => isLearner)).toEqual([member]);
      const peerUrls = [newUrl()];
      await cluster.update(member.id, peerUrls);
      await expect(find(cluster, member.id)).resolves.toEqual({ ...member, peerUrls, isLearner: kept });
      await cluster.remove(member.id);
    });
  });

  // cluster_test.go:TestMaxLearnerInCluster
  it("may be learners up to a limit, which does not hold for those that vote", async () => {
    await withCluster(async (cluster) => {
      const learner = (await cluster.add(newUrl(), { learner: true })).member;
      await expect(cluster.add(newUrl(), { learner: true })).rejects.toMatchObject({
        code: "TOO_MANY_LEARNERS",
        outcome: "not-applied",
      });
      const voter = (await cluster.add(newUrl())).member;
      expect((await cluster.list()).members).toHaveLength(5);
      await cluster.remove(voter.id);
      await cluster.remove(learner.id);
    });
  });

  // cluster_test.go:TestMemberPromote, its first half
  it("that are learners do not vote before they have caught up", async () => {
    await withFollower(async (cluster) => {
      const { member } = await cluster.add(newUrl(), { learner: true });
      await expect(cluster.promote(member.id)).rejects.toMatchObject({
        code: "MEMBER_LEARNER_NOT_READY",
        outcome: "not-applied",
      });
      await cluster.remove(member.id);
    });
  });

  // cluster_test.go:TestMemberPromoteMemberNotLearner
  it("that vote cannot be promoted", async () => {
    await withFollower(async (cluster) => {
      for (const { id } of (await cluster.list()).members) {
        await expect(cluster.promote(id)).rejects.toMatchObject({
          code: "MEMBER_NOT_LEARNER",
          outcome: "not-applied",
        });
      }
    });
  });

  // cluster_test.go:TestMemberPromoteMemberNotExist
  it("that do not exist cannot be changed", async () => {
    await withFollower(async (cluster) => {
      const nobody = 2n ** 64n - 5n;
      for (const call of [
        () => cluster.promote(nobody),
        () => cluster.remove(nobody),
        () => cluster.update(nobody, newUrl()),
      ]) {
        expect((await rejection(call)).error).toMatchObject({
          code: "MEMBER_NOT_FOUND",
          outcome: "not-applied",
        });
      }
    });
  });

  // cluster_test.go:TestMemberRemove, common/auth_test.go:TestAuthMemberRemove
  it("become less when one is removed, which then stops for good", async () => {
    const { leader, followers } = await rolesOf(shared.cluster);
    const [gone] = followers;
    expect(gone).toBeDefined();
    if (gone === undefined) return;
    await withCluster(async (cluster) => {
      const before = await cluster.list();
      const { id } = before.members.find(({ name }) => name === gone.name) ?? { id: 0n };
      const { header, members } = await cluster.remove(id);
      expect(header.clusterId).toBe(before.header.clusterId);
      const left = before.members.filter((member) => member.id !== id);
      expect(members).toEqual(left);
      expect((await cluster.list()).members).toEqual(left);
      await expect(cluster.remove(id)).rejects.toMatchObject({ code: "MEMBER_NOT_FOUND" });
      await expect.poll(() => gone.isRunning, { timeout: 20_000 }).toBe(false);
    }, leader.endpoint);
  });
});
