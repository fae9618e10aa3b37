import { createCluster } from "@etcdkit/cluster";
import { isEtcdError } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

const url = "http://127.0.0.1:1234";

describeEachEtcd("changing a cluster", (etcd) => {
  // cluster_test.go:TestMemberPromote
  it("makes a learner a voter once it has caught up, whichever member is asked", async () => {
    await using cluster = await etcd.start({ members: 3 });
    const learner = await cluster.addMember({ learner: true });
    const { followers } = await rolesOf(cluster, cluster.members.slice(0, 3));
    await using connection = connectTo(cluster, { endpoints: followers[0]?.endpoint ?? "" });
    const { list, promote } = createCluster(connection);
    const added = (await list()).members.find(({ name }) => name === learner.name);
    expect(added).toMatchObject({ isLearner: true, clientUrls: [learner.endpoint] });

    await expect
      .poll(
        async () => {
          const promoting = promote(added?.id ?? 0n);
          return await promoting.then(
            ({ members }) => members.find(({ id }) => id === added?.id)?.isLearner,
            (error: unknown) => (isEtcdError(error, "MEMBER_LEARNER_NOT_READY") ? error.code : error),
          );
        },
        { timeout: 20_000 },
      )
      .toBe(false);

    await using promoted = connectTo(cluster, { endpoints: learner.endpoint });
    const key = uniqueKey();
    await expect
      .poll(
        () =>
          createKv(promoted)
            .put(key, "x")
            .then(() => "ok", String),
        { timeout: 20_000 },
      )
      .toBe("ok");
    await expect(createKv(connection).get(key)).resolves.toMatchObject({ version: 1n });
  });

  // common/member_test.go:TestMemberAdd, TestMemberRemove: StrictReconfigCheck
  it("is refused while a member is down, but for the removal of that one", async () => {
    await using cluster = await etcd.start({ members: 3 });
    const { leader, followers } = await rolesOf(cluster);
    const [up, down] = followers;
    await down?.stop();
    await using connection = connectTo(cluster, { endpoints: leader.endpoint });
    const { add, list, remove } = createCluster(connection);
    const { header, members } = await list();
    const idOf = (name: string | undefined): bigint =>
      members.find((member) => member.name === name)?.id ?? 0n;

    for (const call of [() => add(url), () => add(url, { learner: true }), () => remove(idOf(up?.name))]) {
      expect((await rejection(call)).error).toMatchObject({ code: "UNHEALTHY", grpcCode: "UNAVAILABLE" });
    }
    expect((await list()).members).toEqual(members);

    const left = await remove(idOf(down?.name));
    expect(left.header.clusterId).toBe(header.clusterId);
    expect(left.members.map(({ name }) => name).sort()).toEqual([leader.name, up?.name].sort());
    await createKv(connection).put(uniqueKey(), "x");
  });

  // common/member_test.go:TestMemberAdd, TestMemberRemove, on one node; TestMemberListSerializable
  it("of one member adds one and not two, and never takes the last that has started", async () => {
    await using cluster = await etcd.start();
    await using connection = connectTo(cluster);
    const { add, list, remove } = createCluster(connection);
    const [only] = (await list()).members;
    const tooFew = { code: "MEMBER_NOT_ENOUGH_STARTED", outcome: "not-applied" };
    await expect(remove(only?.id ?? 0n)).rejects.toMatchObject(tooFew);

    // From here on two votes are needed, and there is one.
    const { member } = await add(url);
    await expect(add("http://127.0.0.1:1235")).rejects.toMatchObject(tooFew);
    const both = (await list({ serializable: true })).members;
    expect(both).toHaveLength(2);
    expect(both).toContainEqual(member);
    const linearizable = list({ timeoutMs: 1_000 });
    if (etcd.has("linearizable-member-list")) {
      await expect(linearizable).rejects.toMatchObject({ code: "DEADLINE" });
    } else {
      await expect(linearizable).resolves.toMatchObject({ members: both });
    }
  });
});
