import { createElection, createMutex, openSession } from "@etcdkit/concurrency";
import { utf8 } from "@etcdkit/core";
import { withNamespace } from "@etcdkit/namespace";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rolesOf } from "../support/leader.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";
import { participant, queued, servicesOf } from "./ground.js";

describeEachEtcd("locks and elections in a namespace", (etcd) => {
  const shared = etcd.shared();

  it.concurrent("stay in it, and contend with those who name the same key from outside", async () => {
    await using outside = await participant(shared.connect());
    await using connection = shared.connect();
    const space = uniqueKey("space");
    const services = withNamespace(servicesOf(connection), space);
    await using session = await openSession(services);
    const lock = await createMutex(session, "n").lock();
    const [found] = (await outside.services.kv.range({ prefix: space })).kvs;
    expect(found && utf8(found.key)).toBe(`${space}n/${session.leaseId.toString(16)}`);
    expect(utf8(lock.key)).toBe(`n/${session.leaseId.toString(16)}`);
    expect(await createMutex(outside.session, `${space}n`).tryLock()).toBeUndefined();
    await lock.guard(services.kv).put("x", "1");
    expect(() => lock.guard(outside.services.kv)).toThrow(TypeError);
    const waiting = createElection(outside.services, `${space}n`).campaign(outside.session, "v");
    await queued(outside, `${space}n`, 2);
    await lock.unlock();
    await waiting;
    const leader = await createElection(services, "n").leader();
    expect(leader && utf8(leader.value)).toBe("v");
    await expect(createElection(services, "n").campaign(outside.session, "v")).rejects.toThrow(TypeError);
  });

  it.concurrent("are refused to a session whose services are not all in it", async () => {
    await using connection = shared.connect();
    const services = servicesOf(connection);
    const inside = withNamespace(services, "a/");
    await expect(openSession({ ...inside, watcher: services.watcher })).rejects.toThrow(TypeError);
    await expect(openSession({ ...services, kv: inside.kv })).rejects.toThrow(TypeError);
  });
});

describeEachEtcd("a lock and an election on three members", (etcd) => {
  it("outlast the death of the member that leads them", async () => {
    await using cluster = await etcd.start({ members: 3 });
    const { leader } = await rolesOf(cluster);
    await using programs = await together(
      participant(connectTo(cluster), { ttlSeconds: 30 }),
      participant(connectTo(cluster), { ttlSeconds: 30 }),
    );
    const [first, second] = programs.all;
    if (first === undefined || second === undefined) throw new Error("two programs");
    const [one, two] = [first.session, second.session];
    const held = await createMutex(one, "n").lock();
    const leadership = await createElection(one, "e").campaign(one, "first");
    const waiting = createMutex(two, "n").lock();
    const observed = createElection(two, "e").observe()[Symbol.asyncIterator]();
    await observed.next();
    await queued(first, "n", 2);
    await leader.kill();
    await rolesOf(cluster);
    await leadership.proclaim("still");
    const next = await observed.next();
    expect(next.done !== true && utf8(next.value.value)).toBe("still");
    expect([held.isHeld(), held.signal.aborted, leadership.isHeld()]).toEqual([true, false, true]);
    await held.guard(one.kv).put("x", "1");
    await held.unlock();
    const lock = await waiting;
    expect(lock.fencingToken).toBeGreaterThan(held.fencingToken);
    expect(lock.isHeld()).toBe(true);
    await observed.return?.();
  });
});
