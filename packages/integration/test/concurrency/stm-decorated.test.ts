import { createMutex, stm } from "@etcdkit/concurrency";
import { type KvExecutor, utf8 } from "@etcdkit/core";
import { openLeasingKv } from "@etcdkit/leasing";
import { namespaceKv } from "@etcdkit/namespace";
import { withOrdering } from "@etcdkit/ordering";
import { describe, expect, it } from "vitest";
import { sharedStore, textAt } from "../kv/store.js";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { participant, servicesOf } from "./ground.js";

/** Counts up by so many transactions at a time. */
async function countUp(kvs: readonly KvExecutor[], key: string): Promise<void> {
  const increment = (kv: KvExecutor) =>
    stm(kv, async (tx) => {
      const value = await tx.get(key);
      tx.put(key, `${(value === undefined ? 0 : Number(utf8(value))) + 1}`);
    });
  await Promise.all(kvs.flatMap((kv) => Array.from({ length: 5 }, () => increment(kv))));
}

// Decorators turn requests into other requests, which all servers understand alike.
describeNewestEtcd("transactions over a decorated Kv", (etcd) => {
  const store = sharedStore(etcd, { members: 3 });

  describe("lose no update beside others", () => {
    it("in a namespace", async () => {
      const prefix = uniqueKey("namespace");
      const once = namespaceKv(store.kv, prefix);
      const twice = namespaceKv(namespaceKv(store.kv, prefix.slice(0, 4)), prefix.slice(4));
      await countUp([once, twice], "count");
      await expect(textAt(store.kv, `${prefix}count`)).resolves.toBe("10");
    });

    it("that is ordered", async () => {
      const key = uniqueKey("ordering");
      await countUp([withOrdering(store.kv), withOrdering(store.kv), store.kv], key);
      await expect(textAt(store.kv, key)).resolves.toBe("15");
    });

    it("that answers from a cache", async () => {
      const prefix = uniqueKey("leasing");
      const services = servicesOf(store.connection);
      await using first = await openLeasingKv(services, `${prefix}leasing/`);
      await using second = await openLeasingKv(services, `${prefix}leasing/`);
      const key = `${prefix}count`;
      await first.get(key);
      await countUp([first, second], key);
      await expect(textAt(store.kv, key)).resolves.toBe("10");
      await expect(textAt(second, key)).resolves.toBe("10");
    });

    it("that a lock guards", async () => {
      const prefix = uniqueKey("guard");
      await using owner = await participant(store.connect());
      await using lock = await createMutex(owner.session, `${prefix}lock`).lock();
      await countUp([lock.guard(owner.services.kv), store.kv], `${prefix}count`);
      await expect(textAt(store.kv, `${prefix}count`)).resolves.toBe("10");
    });
  });

  it("that a lock guards are refused when it is another's, and read on", async () => {
    const prefix = uniqueKey("guard");
    const key = `${prefix}count`;
    await using owner = await participant(store.connect());
    const lock = await createMutex(owner.session, `${prefix}lock`).lock();
    const guarded = lock.guard(owner.services.kv);
    await stm(guarded, (tx) => tx.put(key, "1"));
    const { error } = await rejection(() =>
      stm(guarded, async (tx) => {
        await tx.get(key);
        await lock.unlock();
        tx.put(key, "2");
      }),
    );
    expect(error).toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
    await expect(textAt(store.kv, key)).resolves.toBe("1");
    const { value } = await stm(guarded, (tx) => tx.get(key));
    expect(value && utf8(value)).toBe("1");
  });
});
