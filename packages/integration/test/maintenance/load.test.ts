import { setTimeout as delay } from "node:timers/promises";
import { isEtcdError } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createMaintenance } from "@etcdkit/maintenance";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

// F45
describeOldestAndNewestEtcd("maintenance under load", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  it("costs readers and writers of the newest revision nothing but time", async () => {
    await using connection = shared.connect();
    const [kv, maintenance] = [createKv(connection), createMaintenance(connection)];
    const first = (await kv.put(uniqueKey(), "old")).header.revision;
    let working = true;
    const writers = Array.from({ length: 8 }, async () => {
      const key = uniqueKey();
      let written = 0n;
      while (working) {
        await kv.put(key, `${written}`);
        written += 1n;
        expect((await kv.get(key))?.version).toBe(written);
      }
      return written;
    });
    for (let round = 0; round < 9; round++) {
      const { header } = await kv.range("any");
      await kv.compact(header.revision - 1n).catch((error: unknown) => {
        if (!isEtcdError(error, "COMPACTED")) throw error; // nothing was written since the last round
      });
      await maintenance.defragment(shared.endpoints[round % 3] ?? "");
      await delay(200); // the pace of the load, as etcd's own tests have it
    }
    working = false;
    const written = await Promise.all(writers);
    expect(written.every((count) => count > 0n)).toBe(true);
    await expect(kv.get("any", { revision: first })).rejects.toMatchObject({ code: "COMPACTED" });
  });
});
