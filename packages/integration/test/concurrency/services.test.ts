import {
  createElection,
  createElectionService,
  createLockService,
  createMutex,
  type ServiceLeader,
} from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { failureOf, participant, queued } from "./ground.js";

describeEachEtcd("the server's", (etcd) => {
  const shared = etcd.shared();
  const join = () => participant(shared.connect());

  describe("lock service", () => {
    // integration/v3lock_grpc_test.go:TestV3LockLockWaiter
    it.concurrent("lets the second lease wait for the first, at a later revision", async () => {
      await using one = await join();
      const service = createLockService(one.connection);
      const name = uniqueKey("waiter");
      const [a, b] = [await one.services.leases.grant(30), await one.services.leases.grant(30)];
      const first = await service.lock(name, { leaseId: a.id });
      const second = service.lock(name, { leaseId: b.id });
      await queued(one, name, 2);
      await service.unlock(first.key);
      const { header, key } = await second;
      expect(header.revision).toBeGreaterThan(first.header.revision);
      expect(utf8(key)).toBe(`${name}/${b.id.toString(16)}`);
      await service.unlock(key);
      await service.unlock(key);
    });

    it.concurrent("shares locks with a mutex, both ways", async () => {
      await using one = await join();
      await using two = await join();
      const service = createLockService(one.connection);
      const name = uniqueKey("mutex");
      const mutex = createMutex(two.session, name);
      const held = await service.lock(name, { leaseId: one.session.leaseId });
      expect(await mutex.tryLock()).toBeUndefined();
      const waiting = mutex.lock();
      await queued(one, name, 2);
      await service.unlock(held.key);
      const lock = await waiting;
      const again = service.lock(name, { leaseId: one.session.leaseId });
      await queued(one, name, 2);
      await lock.unlock();
      expect((await again).key).toEqual(held.key);
    });

    it.concurrent("grants a lease where it is given none, and refuses one that is not there", async () => {
      await using one = await join();
      const service = createLockService(one.connection);
      const name = uniqueKey("lease");
      const { key } = await service.lock(name);
      const kv = await one.services.kv.get(key);
      expect(kv?.lease).not.toBe(0n);
      await service.unlock(key);
      await expect(service.lock(name, { leaseId: 12345n })).rejects.toMatchObject({
        code: "LEASE_NOT_FOUND",
      });
      await expect(service.lock(name, { leaseId: 0n })).rejects.toThrow(RangeError);
      await expect(service.lock(1 as never)).rejects.toThrow(TypeError);
    });

    it.concurrent("is left when its caller gives up, and the queue with it", async () => {
      await using one = await join();
      const service = createLockService(one.connection);
      const name = uniqueKey("left");
      const held = await createMutex(one.session, name).lock();
      const { id: leaseId } = await one.services.leases.grant(30);
      const controller = new AbortController();
      const waiting = failureOf(service.lock(name, { leaseId, signal: controller.signal }));
      await queued(one, name, 2);
      const reason = new Error("no more");
      controller.abort(reason);
      expect(await waiting).toBe(reason);
      await queued(one, name, 1);
      await held.unlock();
    });
  });

  describe("election service", () => {
    // integration/v3election_grpc_test.go:TestV3ElectionCampaign
    it.concurrent("lets the second lease lead when the first resigns", async () => {
      await using one = await join();
      const service = createElectionService(one.connection);
      const name = uniqueKey("campaign");
      const [a, b] = [await one.services.leases.grant(30), await one.services.leases.grant(30)];
      const { leader: first } = await service.campaign(name, "abc", { leaseId: a.id });
      expect(first).toMatchObject({ leaseId: a.id, key: expect.any(Uint8Array) });
      expect(utf8(first.name)).toBe(name);
      const second = service.campaign(name, "def", { leaseId: b.id });
      await queued(one, name, 2);
      await service.resign(first);
      const { leader } = await second;
      expect(leader.createRevision).toBeGreaterThan(first.createRevision);
      expect(await createElection(one.services, name).leader()).toMatchObject({
        key: leader.key,
        createRevision: leader.createRevision,
      });
      await expect(service.proclaim(first, "no")).rejects.toMatchObject({ code: "ELECTION_NOT_LEADER" });
      await service.resign(leader);
      expect(await service.leader(name)).toBeUndefined();
    });

    // integration/v3election_grpc_test.go:TestV3ElectionObserve
    it.concurrent("shows values in order, of those who campaign there and of those who campaign here", async () => {
      await using one = await join();
      const service = createElectionService(one.connection);
      const name = uniqueKey("observe");
      const election = createElection(one.services, name);
      const leadership = await election.campaign(one.session, "0");
      const there = service.observe(name)[Symbol.asyncIterator]();
      const first = await there.next();
      if (first.done === true) throw new Error("there is a leader to see");
      const seen: ServiceLeader[] = [first.value];
      const { id: leaseId } = await one.services.leases.grant(30);
      const next = service.campaign(name, "100", { leaseId });
      await queued(one, name, 2);
      for (let n = 1; n <= 20; n++) await leadership.proclaim(`${n}`);
      await leadership.resign();
      await next;
      while (utf8(seen.at(-1)?.kv.value ?? new Uint8Array()) !== "100") {
        const { value } = await there.next();
        if (value !== undefined) seen.push(value);
      }
      const values = seen.map(({ kv }) => Number(utf8(kv.value)));
      expect(values).toEqual([...values].sort((a, b) => a - b));
      await there.return?.();
      const here = await election.leader();
      expect(here && utf8(here.value)).toBe("100");
    });

    it.concurrent("knows the leader of an election of ours, and takes its place", async () => {
      await using one = await join();
      await using two = await join();
      const service = createElectionService(one.connection);
      const name = uniqueKey("ours");
      expect(await service.leader(name)).toBeUndefined();
      const leadership = await createElection(two.services, name).campaign(two.session, "here");
      expect((await service.leader(name))?.kv).toMatchObject({
        key: leadership.key,
        createRevision: leadership.fencingToken,
      });
      const next = service.campaign(name, "there", { leaseId: one.session.leaseId });
      await queued(one, name, 2);
      await leadership.resign();
      const { leader } = await next;
      await service.proclaim(leader, "still there");
      const seen = await createElection(two.services, name).leader();
      expect(seen && utf8(seen.value)).toBe("still there");
      await expect(service.proclaim({ ...leader, createRevision: 0n }, "x")).rejects.toThrow(RangeError);
    });

    it.concurrent("is observed until its observer leaves, also while nothing happens", async () => {
      await using one = await join();
      const service = createElectionService(one.connection);
      const name = uniqueKey("nothing");
      const observed = service.observe(name)[Symbol.asyncIterator]();
      const next = observed.next();
      await observed.return?.();
      expect((await next).done).toBe(true);
      const controller = new AbortController();
      const reason = new Error("no more");
      const aborted = failureOf(
        service.observe(name, { signal: controller.signal })[Symbol.asyncIterator]().next(),
      );
      controller.abort(reason);
      expect(await aborted).toBe(reason);
    });
  });
});
