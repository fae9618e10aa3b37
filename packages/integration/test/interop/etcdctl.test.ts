import { createElection, createMutex } from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { participant } from "../concurrency/ground.js";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { etcdctls, startEtcdctl } from "../support/etcdctl.js";
import { uniqueKey } from "../support/unique-key.js";
import { pending, untilKeys } from "./waiting.js";

const name = (): string => uniqueKey("interop").slice(0, -1);

describeOldestAndNewestEtcd("etcdctl and our programs", (etcd) => {
  const cluster = etcd.shared();

  const none = { version: "none", path: "" };
  describe.skipIf(etcdctls.length === 0).each(etcdctls[0] ? etcdctls : [none])("$version", (etcdctl) => {
    const run = (...args: readonly string[]) => startEtcdctl(etcdctl, cluster.endpoints, args);

    // e2e/ctl_v3_lock_test.go:TestCtlV3Lock
    it("`lock` keeps our lock waiting until it is interrupted", async () => {
      const lock = name();
      await using ours = await participant(cluster.connect());
      await using theirs = run("lock", lock);
      const key = await theirs.line();
      expect(key).toMatch(new RegExp(`^${lock}/[0-9a-f]+$`));
      const waiting = pending(createMutex(ours.session, lock).lock());
      await untilKeys(ours.services.kv, `${lock}/`, 2);
      expect(waiting.ended).toBe(false);
      await theirs.interrupt();
      await using held = await waiting.done;
      expect(held.isHeld()).toBe(true);
    });

    it("`lock` waits for our lock, and whoever came later waits for it", async () => {
      const lock = name();
      await using first = await participant(cluster.connect());
      await using last = await participant(cluster.connect());
      const held = await createMutex(first.session, lock).lock();
      await using theirs = run("lock", lock);
      await untilKeys(first.services.kv, `${lock}/`, 2);
      const waiting = pending(createMutex(last.session, lock).lock());
      const [, second] = await untilKeys(first.services.kv, `${lock}/`, 3);
      await held.unlock();
      expect(await theirs.line()).toBe(second);
      expect(waiting.ended).toBe(false);
      await theirs.interrupt();
      await using next = await waiting.done;
      expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
    });

    it("`lock` that is killed holds until its lease ends", async () => {
      const lock = name();
      await using ours = await participant(cluster.connect());
      await using theirs = run("lock", "--ttl=2", lock);
      await theirs.line();
      const waiting = pending(createMutex(ours.session, lock).lock({ timeoutMs: 20_000 }));
      await untilKeys(ours.services.kv, `${lock}/`, 2);
      await theirs.kill();
      expect(waiting.ended).toBe(false);
      await using held = await waiting.done;
      expect(held.isHeld()).toBe(true);
    });

    // e2e/ctl_v3_elect_test.go:TestCtlV3Elect
    it("`elect` keeps our candidate waiting until it is interrupted", async () => {
      const title = name();
      await using ours = await participant(cluster.connect());
      const election = createElection(ours.services, title);
      await using theirs = run("elect", title, "theirs");
      expect(await theirs.line()).toMatch(new RegExp(`^${title}/[0-9a-f]+$`));
      expect(await theirs.line()).toBe("theirs");
      const leader = await election.leader();
      expect(leader && utf8(leader.value)).toBe("theirs");
      const waiting = pending(election.campaign(ours.session, "ours"));
      await untilKeys(ours.services.kv, `${title}/`, 2);
      expect(waiting.ended).toBe(false);
      await theirs.interrupt();
      await using leadership = await waiting.done;
      expect(leadership.isHeld()).toBe(true);
    });

    it("`elect` waits for our leader, and its listeners see both", async () => {
      const title = name();
      await using ours = await participant(cluster.connect());
      const leadership = await createElection(ours.services, title).campaign(ours.session, "ours");
      await using listener = run("elect", "--listen", title);
      expect([await listener.line(), await listener.line()]).toEqual([utf8(leadership.key), "ours"]);
      await leadership.proclaim("ours again");
      expect([await listener.line(), await listener.line()]).toEqual([utf8(leadership.key), "ours again"]);
      await using theirs = run("elect", title, "theirs");
      const [, second] = await untilKeys(ours.services.kv, `${title}/`, 2);
      await leadership.resign();
      expect([await theirs.line(), await theirs.line()]).toEqual([second, "theirs"]);
      expect([await listener.line(), await listener.line()]).toEqual([second, "theirs"]);
    });
  });
});
