import { isEtcdError, outcomeOf } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { allServe, rolesOf } from "../support/leader.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { startLoad } from "./load.js";

// How a server ends is the kernel's affair; only of the newest one does nobody notice when it is asked to.
describeNewestEtcd("one follower of three", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  it("F01 killed: its reads end at the others within a second, its writes at once and in doubt", async () => {
    const { followers } = await rolesOf(shared.cluster);
    const [member] = followers;
    if (member === undefined) throw new Error("there is no follower");
    await using connection = shared.connect();
    const kv = createKv(connection);
    await connection.ready();
    await expect
      .poll(() => new Set(connection.states().values()), { timeout: 15_000 })
      .toEqual(new Set(["ready"]));
    await member.pause(); // so that what goes there is under way when it ends
    let killedAt = Number.POSITIVE_INFINITY;
    const afterMs = (): number => performance.now() - killedAt;
    const reads = Array.from({ length: 60 }, (_, index) => kv.get(`F01/${index}`).then(afterMs));
    const writes = Array.from({ length: 60 }, (_, index) =>
      kv.put(`F01/${index}`, "").then(
        () => ({ outcome: "done", afterMs: afterMs() }),
        (error: unknown) => ({
          outcome: isEtcdError(error, "UNAVAILABLE") ? outcomeOf(error) : String(error),
          afterMs: afterMs(),
        }),
      ),
    );
    await Promise.race(reads); // all have been sent
    await member.kill();
    killedAt = performance.now(); // what ends before that ends after less than nothing
    try {
      for (const ended of await Promise.all(reads)) expect(ended).toBeLessThan(1_000);
      const ends = await Promise.all(writes);
      expect(new Set(ends.map(({ outcome }) => outcome))).toEqual(new Set(["done", "unknown"]));
      for (const end of ends) expect(end.afterMs).toBeLessThan(1_000);
      const startMs = performance.now();
      await Promise.all([kv.get("F01"), kv.put("F01", "")]);
      expect(performance.now() - startMs).toBeLessThan(1_000);
    } finally {
      await member.restart();
      await allServe(shared.cluster);
    }
  });

  it("F02 asked to stop: nobody notices", async () => {
    const { followers } = await rolesOf(shared.cluster);
    await using connection = shared.connect();
    const load = startLoad(createKv(connection), uniqueKey("F02"));
    await load.more(200);
    for (const member of followers) {
      await member.stop();
      await load.more(200);
      await member.restart();
      await allServe(shared.cluster);
    }
    const { readFailures, writes } = await load.finish();
    expect(readFailures).toEqual([]);
    expect(writes.faults).toEqual([]);
    expect(writes.told("not-applied")).toBe(0);
    if (etcd.has("clean-shutdown")) expect(writes.told("unknown")).toBe(0);
  });
});
