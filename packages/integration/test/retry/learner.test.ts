import { op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import type { EtcdMember } from "@etcdkit/testing";
import { beforeAll, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("a learner", (etcd) => {
  const shared = etcd.shared();
  let learner: EtcdMember;
  beforeAll(async () => {
    learner = await shared.cluster.addMember({ learner: true });
  });
  const voter = (): string => shared.endpoints[0] ?? "";

  // kv_test.go:TestKVForLearner
  it("serves serializable reads and nothing else", async () => {
    await using connection = shared.connect({ endpoints: learner.endpoint });
    const kv = createKv(connection);
    await kv.get("any", { serializable: true });
    const refused = [
      () => kv.get("any"),
      () => kv.put("any", "value"),
      () => kv.delete("any"),
      () => kv.txn({ success: [op.put("any", "value")] }),
    ];
    for (const call of refused) {
      const { error } = await rejection(call);
      expect(error).toMatchObject({ code: "NOT_SUPPORTED_FOR_LEARNER", endpoint: learner.endpoint });
    }
    expect((await rejection(() => kv.put("any", "value"))).error.outcome).toBe("not-applied");
  });

  // kv_test.go:TestBalancerSupportLearner
  it("is passed over as soon as there is a voter to ask, by reads and by writes", async () => {
    await using connection = shared.connect({ endpoints: learner.endpoint });
    const kv = createKv(connection);
    await rejection(() => kv.get("any"));
    connection.setEndpoints([learner.endpoint, voter()]);
    const key = uniqueKey();
    for (let i = 0; i < 4; i++) {
      await kv.get(key);
      await kv.put(key, `${i}`);
    }
    expect((await kv.get(key))?.version).toBe(4n);
  });

  // client_test.go:TestSyncFiltersMembers
  it("is not taken from the member list", async () => {
    await using connection = shared.connect({ endpoints: voter() });
    await connection.sync();
    expect(connection.endpoints()).toEqual([voter()]);
  });
});
