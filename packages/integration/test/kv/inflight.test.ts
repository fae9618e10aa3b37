import { createClient } from "@connectrpc/connect";
import { isEtcdError } from "@etcdkit/core";
import { Maintenance } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { bytes, sharedStore } from "./store.js";

describeEachEtcd("reads in flight", (etcd) => {
  const store = sharedStore(etcd);

  // integration/v3_grpc_inflight_test.go:TestV3MaintenanceDefragmentInflightRange
  it("finish while the member defragments", async () => {
    const { kv, connection } = store;
    const key = uniqueKey();
    for (let i = 0; i < 20; i++) await kv.put(key, "bar".repeat(100_000));
    const maintenance = createClient(Maintenance, connection.transport);
    // They finish; how fast sixty megabytes are read is another matter.
    const read = (_: unknown, i: number) => kv.get(key, { serializable: i % 2 === 0, timeoutMs: 50_000 });
    const [, ...found] = await Promise.all([
      maintenance.defragment({}),
      ...Array.from({ length: 200 }, read),
    ]);
    expect(found.every((one) => one?.version === 20n)).toBe(true);
  });

  // integration/v3_grpc_inflight_test.go:TestV3KVInflightRangeRequests
  it("finish or fail with a clean code when the member shuts down", async () => {
    const key = uniqueKey();
    await store.kv.put(key, "bar");
    await using connection = store.connect({ callTimeoutMs: 2_000 });
    const kv = createKv(connection);
    await connection.ready();
    const reads = Array.from({ length: 500 }, () => kv.get(key, { serializable: true }));
    const [outcomes] = await Promise.all([Promise.allSettled(reads), store.cluster.members[0]?.stop()]);
    const codes = new Set(
      outcomes.flatMap((outcome) =>
        outcome.status === "fulfilled"
          ? []
          : [isEtcdError(outcome.reason) ? outcome.reason.code : outcome.reason],
      ),
    );
    // A read is repeated as long as its time allows: what is left is a deadline, or the member's own word.
    expect(
      [...codes].filter((code) => !["DEADLINE", "UNAVAILABLE", "STOPPED"].includes(String(code))),
    ).toEqual([]);
    await store.cluster.members[0]?.restart();
    // Dials of a member that is away are up to 5 s apart.
    await expect(kv.get(key, { timeoutMs: 30_000 })).resolves.toMatchObject({ value: bytes("bar") });
  });
});
