import { createElection, createMutex } from "@etcdkit/concurrency";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { runProgram } from "../support/child.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { within } from "../support/within.js";
import { aborted, failureOf, participant, queued } from "./ground.js";

describeEachEtcd("who waits for a lock or an election", (etcd) => {
  const shared = etcd.shared();
  const join = () => participant(shared.connect());

  // F67
  it.concurrent("hears of the loss of its session within a second, in this process and in the queue", async () => {
    await using holder = await join();
    await using waiter = await join();
    const [locked, led] = [uniqueKey("locked"), uniqueKey("led")];
    const election = createElection(waiter.services, led);
    await createMutex(holder.session, locked).lock();
    await createElection(holder.services, led).campaign(holder.session, "leader");
    const waiting = [
      ...Array.from({ length: 20 }, () => createMutex(waiter.session, locked).lock()),
      ...Array.from({ length: 20 }, (_, n) => election.campaign(waiter.session, `${n}`)),
    ].map(failureOf);
    await queued(holder, locked, 2);
    await queued(holder, led, 2);
    const all = Promise.all(waiting);
    await holder.services.leases.revoke(waiter.session.leaseId);
    expect(await within(all)).toBeLessThan(1_000);
    for (const error of await all) expect(error).toMatchObject({ code: "SESSION_LOST" });
    await queued(holder, locked, 1);
    await queued(holder, led, 1);
  });

  // F67
  it.concurrent("hears within a second that an operator deleted its place", async () => {
    await using holder = await join();
    await using waiter = await join();
    const name = uniqueKey("place");
    const held = await createMutex(holder.session, name).lock();
    const waiting = failureOf(createMutex(waiter.session, name).lock());
    await queued(holder, name, 2);
    await holder.services.kv.delete(`${name}/${waiter.session.leaseId.toString(16)}`);
    expect(await within(waiting)).toBeLessThan(1_000);
    expect(await waiting).toMatchObject({ code: "NOT_HOLDER" });
    await held.unlock();
    await (await createMutex(waiter.session, name).lock()).unlock();
  });

  // F67: with the leader gone at the same time, nobody is before it, and it is not there itself.
  it.concurrent("never leads, nor holds, by a key that is gone", async () => {
    await using holder = await join();
    await using waiter = await join();
    const name = uniqueKey("phantom");
    const leader = await createElection(holder.services, name).campaign(holder.session, "leader");
    const waiting = failureOf(createElection(waiter.services, name).campaign(waiter.session, "phantom"));
    await queued(holder, name, 2);
    await holder.services.kv.delete({ prefix: `${name}/` });
    expect(await waiting).toMatchObject({ code: "NOT_HOLDER" });
    expect(await within(aborted(leader.signal))).toBeLessThan(1_000);
    expect(await createElection(holder.services, name).leader()).toBeUndefined();
  });

  // F68
  it.concurrent("that gives up by the dozen leaves nobody waiting behind a key without an owner", async () => {
    await using holder = await join();
    await using waiter = await join();
    await using next = await join();
    const name = uniqueKey("dozens");
    const held = await createMutex(holder.session, name).lock();
    for (let n = 0; n < 24; n++) {
      const controller = new AbortController();
      const waiting = failureOf(createMutex(waiter.session, name).lock({ signal: controller.signal }));
      // At another moment each time: before it is sent, while it is under way, while it waits.
      for (let turns = 0; turns < n; turns++) await new Promise(setImmediate);
      const reason = new Error(`${n}`);
      controller.abort(reason);
      expect(await waiting).toBe(reason);
    }
    const behind = createMutex(next.session, name).lock();
    await held.unlock();
    await (await behind).unlock();
    await queued(holder, name, 0);
  });

  // F68
  it.concurrent("gets the lock once although the answer to its entry was lost", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using one = await participant(shared.connect({ endpoints: bridge.endpoint }));
    await using witness = await join();
    const name = uniqueKey("answer");
    const lost = bridge.dropAnswersThenCut();
    const lock = await createMutex(one.session, name).lock();
    await lost;
    const { kvs } = await witness.services.kv.range({ prefix: name });
    expect(kvs).toMatchObject([{ createRevision: lock.fencingToken, version: 1n }]);
    expect(lock.isHeld()).toBe(true);
    const cut = bridge.dropAnswersThenCut();
    await lock.unlock();
    await cut;
    expect(await createMutex(witness.session, name).tryLock()).toBeDefined();
  });

  // F68
  it.concurrent("and gives up while its link is silent, leaves the queue when the link is back", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using one = await participant(shared.connect({ endpoints: bridge.endpoint }));
    await using witness = await join();
    const name = uniqueKey("silent");
    await bridge.blackhole("toClient");
    const waiting = failureOf(createMutex(one.session, name).lock({ timeoutMs: 200 }));
    await queued(witness, name, 1);
    expect(await within(waiting)).toBeLessThan(1_000);
    expect(await waiting).toMatchObject({ code: "DEADLINE" });
    await bridge.pass();
    bridge.cut();
    const lock = await createMutex(witness.session, name).lock({ timeoutMs: 10_000 });
    expect(lock.isHeld()).toBe(true);
  });
});

describeEachEtcd("who holds a lock or leads", (etcd) => {
  const shared = etcd.shared();
  const join = () => participant(shared.connect());

  // F69
  it.concurrent("hears within a second that an operator deleted the key, however long it has held it", async () => {
    await using operator = await join();
    await using one = await join();
    const [locked, led] = [uniqueKey("locked"), uniqueKey("led")];
    const mutex = createMutex(one.session, locked);
    const fresh = await mutex.lock();
    await operator.services.kv.delete(fresh.key);
    expect(await within(aborted(fresh.signal))).toBeLessThan(1_000);
    expect(fresh.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
    expect(fresh.isHeld()).toBe(false);
    await fresh.unlock();

    const leadership = await createElection(one.services, led).campaign(one.session, "leader");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await operator.services.kv.delete({ prefix: led });
    expect(await within(aborted(leadership.signal))).toBeLessThan(1_000);
    expect(leadership.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
    await expect(leadership.proclaim("still")).rejects.toMatchObject({ code: "NOT_HOLDER" });
    expect(one.session.signal.aborted).toBe(false);
    await (await mutex.lock()).unlock();
  });

  // F72
  it.concurrent("and goes on when it holds it no longer, is refused by the server", async () => {
    await using operator = await join();
    await using one = await join();
    const [name, target] = [uniqueKey("late"), uniqueKey("target")];
    const lock = await createMutex(one.session, name).lock();
    const guarded = lock.guard(one.services.kv);
    await guarded.put(target, "in time");
    const waiting = createMutex(operator.session, name).lock();
    await queued(operator, name, 2);
    await operator.services.kv.delete(lock.key);
    const next = await waiting;
    await next.guard(operator.services.kv).put(target, "of the next");
    const refused = await failureOf(guarded.put(target, "too late"));
    expect(refused).toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
    const found = await operator.services.kv.get(target);
    expect(found).toMatchObject({ version: 2n });
  });

  // F62, F72
  describe("believes in it no longer before anybody else can have it, when its link", () => {
    it.concurrent.each<[string, (bridge: Bridge) => Promise<void>]>([
      ["falls silent", (bridge) => bridge.blackhole()],
      ["loses the answers only", (bridge) => bridge.blackhole("toClient")],
    ])("%s", async (_, hurt) => {
      await using bridge = await openBridge(shared.endpoints[0] ?? "");
      await using one = await participant(shared.connect({ endpoints: bridge.endpoint }), { ttlSeconds: 5 });
      await using two = await join();
      const [name, target] = [uniqueKey("cut"), uniqueKey("target")];
      const lock = await createMutex(one.session, name).lock();
      const leadership = await createElection(one.services, `${name}led`).campaign(one.session, "leader");
      const guarded = lock.guard(one.services.kv);
      await guarded.put(target, "in time");
      let beliefEndsMs = performance.now() + lock.remainingMs();
      const over = aborted(lock.signal).then(() => {
        beliefEndsMs = performance.now();
      });
      await hurt(bridge);
      const next = await createMutex(two.session, name).lock();
      const takenMs = performance.now();
      await over;
      expect(beliefEndsMs).toBeLessThan(takenMs);
      expect([lock.isHeld(), lock.remainingMs(), leadership.isHeld()]).toEqual([false, 0, false]);
      expect(lock.signal.reason).toMatchObject({ code: "SESSION_LOST" });
      expect(leadership.signal.reason).toBe(lock.signal.reason);
      await bridge.pass();
      bridge.cut();
      await expect(guarded.put(target, "too late")).rejects.toMatchObject({ code: "NOT_HOLDER" });
      await next.guard(two.services.kv).put(target, "of the next");
      await lock.unlock();
      await leadership.resign();
      console.info(
        `lock loss (etcd ${etcd.version}): told ${Math.round(takenMs - beliefEndsMs)} ms before the next one had it`,
      );
    });
  });

  // F73
  it.concurrent("and all who wait, are told within a second when the connection is closed", async () => {
    await using holder = await join();
    const one = await participant(shared.connect());
    const [locked, led] = [uniqueKey("locked"), uniqueKey("led")];
    await createMutex(holder.session, locked).lock();
    const election = createElection(one.services, led);
    const leadership = await election.campaign(one.session, "leader");
    const observed = election.observe()[Symbol.asyncIterator]();
    await observed.next();
    const waiting = [
      createMutex(one.session, locked).lock(),
      createMutex(one.session, locked).lock(),
      election.campaign(one.session, "again"),
      observed.next(),
    ].map((call) => failureOf(call));
    await queued(holder, locked, 2);
    const all = Promise.all([...waiting, aborted(leadership.signal)]);
    await one.connection.close();
    expect(await within(all)).toBeLessThan(1_000);
    for (const call of waiting) expect(await call).toMatchObject({ code: "CLOSED" });
  });
});

// The newest server only: what keeps a process alive is the client's doing.
describeNewestEtcd("a program that holds, waits and observes", (etcd) => {
  const shared = etcd.shared();

  // F73
  it("ends by itself once its session and its connection are closed", async () => {
    const program = new URL("./programs/leaving.mjs", import.meta.url);
    const end = await runProgram(program, [shared.endpoints.join()]);
    expect(end.errors).toBe("");
    expect(end.output).toBe("held\nlock: CLOSED\ncampaign: CLOSED\nobserve: CLOSED\nclosed\n");
    expect(end.exitCode).toBe(0);
    // A timer or a link that keeps it alive does so for longer.
    expect(end.lingeredMs).toBeLessThan(5_000);
  });
});
