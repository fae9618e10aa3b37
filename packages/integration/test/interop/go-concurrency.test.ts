import { createElection, createMutex } from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { goProgram } from "./go-client.js";
import { interopGround } from "./ground.js";
import { pending, untilKeys } from "./waiting.js";

const name = (): string => uniqueKey("interop").slice(0, -1);

interface Holding {
  readonly key: string;
  readonly revision: string;
}

describe.skipIf(goProgram === undefined)("Go's package concurrency shares with ours", () => {
  describeOldestAndNewestEtcd("locks and elections", (etcd) => {
    const ground = interopGround(etcd);

    // experimental/recipes/v3_lock_test.go:TestMutexLockSingleNode
    it("a lock of ours waits until Go's is released", async () => {
      await using sides = await ground.sides();
      const { go, kv, session } = sides;
      const lock = { session: "go", name: name() };
      const theirs = await go.call<Holding>("mutex.lock", lock);
      expect(await createMutex(session, lock.name).tryLock()).toBeUndefined();
      const waiting = pending(createMutex(session, lock.name).lock());
      expect((await untilKeys(kv, `${lock.name}/`, 2))[0]).toBe(theirs.key);
      expect(waiting.ended).toBe(false);
      await go.call("mutex.unlock", lock);
      await using held = await waiting.done;
      expect(held.isHeld()).toBe(true);
      expect(held.fencingToken).toBeGreaterThan(BigInt(theirs.revision));
    });

    it("a lock of Go's waits until ours is released", async () => {
      await using sides = await ground.sides();
      const { go, kv, session } = sides;
      const lock = { session: "go", name: name() };
      const held = await createMutex(session, lock.name).lock();
      // experimental/recipes/v3_lock_test.go:TestMutexTryLockSingleNode
      await expect(go.call("mutex.tryLock", { ...lock, instance: "hasty" })).rejects.toThrow(
        /Locked by another/,
      );
      const waiting = pending(go.call<Holding>("mutex.lock", lock));
      await untilKeys(kv, `${lock.name}/`, 2);
      expect(waiting.ended).toBe(false);
      await held.unlock();
      expect((await waiting.done).key).toMatch(new RegExp(`^${lock.name}/[0-9a-f]+$`));
      expect(await createMutex(session, lock.name).tryLock()).toBeUndefined();
    });

    it("a lock of Go's program that died is ours when its lease has ended", async () => {
      await using sides = await ground.sides();
      const { go, session } = sides;
      const lock = { session: "short", name: name() };
      await go.call("session.open", { session: "short", ttlSeconds: 5 });
      await go.call("mutex.lock", lock);
      await go.kill();
      await using held = await createMutex(session, lock.name).lock({ timeoutMs: 20_000 });
      expect(held.isHeld()).toBe(true);
    });

    // integration/v3_election_test.go:TestElectionWait
    it("a candidate of ours waits until Go's leader has resigned, and both see each other's values", async () => {
      await using sides = await ground.sides();
      const { go, kv, services, session } = sides;
      const title = { session: "go", name: name() };
      const election = createElection(services, title.name);
      await go.call("election.campaign", { ...title, value: "Go's" });
      const seen = election.observe()[Symbol.asyncIterator]();
      const next = async () => utf8((await seen.next()).value?.value ?? new Uint8Array());
      expect(await next()).toBe("Go's");
      await go.call("election.proclaim", { ...title, value: "Go's second" });
      expect(await next()).toBe("Go's second");
      const waiting = pending(election.campaign(session, "ours"));
      await untilKeys(kv, `${title.name}/`, 2);
      expect(waiting.ended).toBe(false);
      await go.call("election.resign", title);
      await using leadership = await waiting.done;
      expect(leadership.isHeld()).toBe(true);
      expect(await next()).toBe("ours");
      await seen.return?.();
    });

    it("a candidate of Go's waits until our leader has resigned, and both see each other's values", async () => {
      await using sides = await ground.sides();
      const { go, kv, services, session } = sides;
      const title = { session: "go", name: name() };
      const leadership = await createElection(services, title.name).campaign(session, "ours");
      const seen = go.stream<string>("election.observe", title);
      expect(await seen.next()).toBe("ours");
      await leadership.proclaim("ours again");
      expect(await seen.next()).toBe("ours again");
      const waiting = pending(go.call("election.campaign", { ...title, value: "Go's" }));
      await untilKeys(kv, `${title.name}/`, 2);
      expect(waiting.ended).toBe(false);
      await leadership.resign();
      await waiting.done;
      expect(await seen.next()).toBe("Go's");
      expect(await go.call("election.leader", title)).toMatchObject({ value: "Go's" });
    });
  });
});
