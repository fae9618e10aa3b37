import { createElection, createMutex, type Leadership, openSession } from "@etcdkit/concurrency";
import { type KeyValue, utf8 } from "@etcdkit/core";
import { expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";
import { denied, sharedAdministration } from "../users/fixture.js";
import { Exclusive, failureOf, participant, queued, servicesOf } from "./ground.js";

/** Reads an election value by value. */
function reader(observed: AsyncIterable<KeyValue>) {
  const iterator = observed[Symbol.asyncIterator]();
  return {
    async kv(): Promise<KeyValue> {
      const next = await iterator.next();
      if (next.done === true) throw new Error("the observation has ended");
      return next.value;
    },
    async value(): Promise<string> {
      return utf8((await this.kv()).value);
    },
    close: async () => void (await iterator.return?.()),
  };
}

describeEachEtcd("an election", (etcd) => {
  const shared = etcd.shared();
  const join = () => participant(shared.connect());

  // election_test.go:TestResumeElection
  it.concurrent("is led on by who resumes it, and by the next one when that one resigns", async () => {
    await using one = await join();
    await using observing = await join();
    const name = uniqueKey("resume");
    const election = createElection(one.services, name);
    const before = await election.campaign(one.session, "candidate1");
    await one.session.orphan();
    const again = await openSession(one.services, { leaseId: one.session.leaseId });
    const resumed = await election.resume(again, before.fencingToken);
    const observed = reader(createElection(observing.services, name).observe());
    expect(await observed.value()).toBe("candidate1");
    // Keys that only look alike are none of its business.
    await one.services.kv.put(`${name}-unrelated/1`, "no");
    await resumed.resign();
    const next = await election.campaign(again, "candidate2");
    expect(await observed.value()).toBe("candidate2");
    await next.resign();
    await expect(election.resume(again, next.fencingToken)).rejects.toMatchObject({ code: "NOT_HOLDER" });
    await observed.close();
    await again.close();
  });

  // integration/v3_election_test.go:TestElectionWait
  it.concurrent("is won by three in turn, and each observer sees each of them", async () => {
    await using observers = await together(join(), join(), join());
    await using candidates = await together(join(), join(), join());
    const name = uniqueKey("wait");
    const seen = observers.all.map((): string[] => []);
    const observing = observers.all.map(async ({ services }, n) => {
      const observed = reader(createElection(services, name).observe());
      for (let i = 0; i < 3; i++) seen[n]?.push(await observed.value());
      await observed.close();
    });
    const place = new Exclusive();
    const leading = candidates.all.map(async ({ services, session }, n) => {
      const leadership = await createElection(services, name).campaign(session, `leader ${n}`);
      await place.visit(() =>
        vi.waitFor(
          () => {
            for (const values of seen) expect(values).toContain(`leader ${n}`);
          },
          { timeout: 10_000 },
        ),
      );
      await leadership.resign();
    });
    await Promise.all([...leading, ...observing]);
    expect(place).toMatchObject({ entries: 3, most: 1 });
    for (const values of seen) expect(values.sort()).toEqual(["leader 0", "leader 1", "leader 2"]);
  });

  // integration/v3_election_test.go:TestElectionFailover
  it.concurrent("goes to the next one when the leader's session is closed", async () => {
    await using programs = await together(join(), join(), join());
    const [one, two, observing] = programs.all;
    if (one === undefined || two === undefined || observing === undefined) throw new Error("three programs");
    const name = uniqueKey("failover");
    const observed = reader(createElection(observing.services, name).observe());
    await createElection(one.services, name).campaign(one.session, "foo");
    expect(await observed.value()).toBe("foo");
    const waiting = createElection(two.services, name).campaign(two.session, "bar");
    await queued(one, name, 2);
    await one.session.close();
    const leadership = await waiting;
    expect(await observed.value()).toBe("bar");
    await leadership.resign();
    await observed.close();
  });

  // integration/v3_election_test.go:TestElectionSessionRecampaign
  it.concurrent("lets a session that campaigns again wait for itself, and a new session of the lease change the value", async () => {
    await using one = await join();
    const election = createElection(one.services, uniqueKey("recampaign"));
    const first = await election.campaign(one.session, "foo");
    await expect(election.campaign(one.session, "bar", { timeoutMs: 50 })).rejects.toMatchObject({
      code: "DEADLINE",
    });
    expect(first.isHeld()).toBe(true);
    await one.session.orphan();
    const again = await openSession(one.services, { leaseId: one.session.leaseId });
    const second = await election.campaign(again, "bar");
    expect(second.fencingToken).toBe(first.fencingToken);
    const leader = await election.leader();
    expect(leader && utf8(leader.value)).toBe("bar");
    await again.close();
  });

  // integration/v3_election_test.go:TestElectionOnPrefixOfExistingKey
  it.concurrent("is not kept from anybody by a key whose name only begins like its own", async () => {
    await using one = await join();
    const name = uniqueKey("prefix").slice(0, -1);
    await one.services.kv.put(`${name}a`, "value");
    const leadership = await createElection(one.services, name).campaign(one.session, "foo", {
      timeoutMs: 20_000,
    });
    expect(leadership.isHeld()).toBe(true);
  });

  // integration/v3_election_test.go:TestElectionOnSessionRestart
  it.concurrent("stays with a session that is restarted on its lease, although another one waits", async () => {
    await using one = await join();
    await using two = await join();
    const name = uniqueKey("restart");
    const election = createElection(one.services, name);
    await election.campaign(one.session, "abc");
    const waiter = new AbortController();
    const waiting = createElection(two.services, name).campaign(two.session, "123", {
      signal: waiter.signal,
    });
    const reason = new Error("no more");
    const given = failureOf(waiting);
    await queued(one, name, 2);
    await one.session.orphan();
    const again = await openSession(one.services, { leaseId: one.session.leaseId });
    await election.campaign(again, "def", { timeoutMs: 20_000 });
    const leader = await election.leader();
    expect(leader && utf8(leader.value)).toBe("def");
    waiter.abort(reason);
    expect(await given).toBe(reason);
    await queued(one, name, 1);
    await again.close();
  });

  // integration/v3_election_test.go:TestElectionObserveFreshResponsesOnProclaim
  it.concurrent("is observed as a new object each time, versions and revisions growing", async () => {
    await using one = await join();
    const election = createElection(one.services, uniqueKey("fresh"));
    const leadership = await election.campaign(one.session, "v1");
    const observed = reader(election.observe());
    const seen: KeyValue[] = [await observed.kv()];
    for (const value of ["v2", "v3"]) {
      await leadership.proclaim(value);
      seen.push(await observed.kv());
    }
    expect(seen.map(({ version }) => version)).toEqual([1n, 2n, 3n]);
    expect(seen.map(({ value }) => utf8(value))).toEqual(["v1", "v2", "v3"]);
    expect(new Set(seen).size).toBe(3);
    const revisions = seen.map(({ modRevision }) => modRevision);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
    await observed.close();
  });

  it.concurrent("is led by 200 tasks of one session one after the other", async () => {
    await using one = await join();
    const name = uniqueKey("tasks");
    const place = new Exclusive();
    await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const leadership: Leadership = await createElection(one.services, name).campaign(one.session, `${n}`);
        await place.visit(() => leadership.proclaim(`${n} leads`));
        await leadership.resign();
      }),
    );
    expect(place).toMatchObject({ entries: 200, most: 1 });
    console.info(`200 campaigns of one session (etcd ${etcd.version}): overlap ${place.most - 1}`);
  }, 180_000);

  it.concurrent("shares its queue with a mutex of the same name", async () => {
    await using one = await join();
    await using two = await join();
    const name = uniqueKey("shared");
    const leadership = await createElection(one.services, name).campaign(one.session, "v");
    expect(await createMutex(two.session, name).tryLock()).toBeUndefined();
    expect(await createMutex(one.session, name).tryLock()).toBeUndefined();
    await leadership.resign();
    expect(await createMutex(two.session, name).tryLock()).toBeDefined();
  });
});

describeEachEtcd("observing an election", (etcd) => {
  // A cluster of its own: it is compacted.
  const shared = etcd.shared();

  // integration/v3_election_test.go:TestElectionObserveCompacted
  it("begins with a leader whose revision was compacted", async () => {
    await using one = await participant(shared.connect());
    const election = createElection(one.services, uniqueKey("compacted"));
    const leadership = await election.campaign(one.session, "abc");
    const { header } = await one.services.kv.put("unrelated", "");
    await one.services.kv.compact(header.revision, { physical: true });
    const observed = reader(election.observe());
    const first = await observed.kv();
    expect([utf8(first.value), first.createRevision]).toEqual(["abc", leadership.fencingToken]);
    await leadership.proclaim("def");
    expect(await observed.value()).toBe("def");
    await observed.close();
  });
});

describeEachEtcd("an election of users who may see their own keys only", (etcd) => {
  const { addUser, asRoot, logIn } = sharedAdministration(etcd, "simple");

  // integration/v3_election_test.go:TestElectionWithAuthEnabled
  it("goes on when sessions are orphaned, as soon as their leases expire", async () => {
    const lead = async (n: number) => {
      const name = uniqueKey(`auth-${n}`);
      const user = await addUser(["readwrite", { prefix: name }]);
      await using connection = logIn(user);
      const services = servicesOf(connection);
      const election = createElection(services, name);
      const left = await openSession(services, { ttlSeconds: 5 });
      await election.campaign(left, "first");
      await left.orphan();
      await using session = await openSession(services, { ttlSeconds: 10 });
      const leadership = await election.campaign(session, "second", { timeoutMs: 20_000 });
      await leadership.guard(services.kv).put(`${name}work`, "done");
      const leader = await election.leader();
      expect(leader && utf8(leader.value)).toBe("second");
    };
    await Promise.all([lead(1), lead(2)]);
  });

  it("is refused to who may not write its keys, at once and without a trace", async () => {
    const name = uniqueKey("denied");
    const reads = await addUser(["read", { prefix: name }]);
    const nothing = await addUser();
    for (const user of [reads, nothing]) {
      await using connection = logIn(user);
      await using session = await openSession(servicesOf(connection), { ttlSeconds: 10 });
      await expect(createElection(session, name).campaign(session, "me")).rejects.toMatchObject(denied);
      await expect(createMutex(session, name).lock()).rejects.toMatchObject(denied);
      await expect(createMutex(session, name).tryLock()).rejects.toMatchObject(denied);
    }
    await asRoot(async ({ connection }) => {
      expect(await servicesOf(connection).kv.range({ prefix: name })).toMatchObject({ count: 0 });
    });
  });
});
