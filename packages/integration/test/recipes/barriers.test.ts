import { getEventListeners } from "node:events";
import { compareBytes, utf8 } from "@etcdkit/core";
import { createBarrier, createDoubleBarrier } from "@etcdkit/recipes";
import { expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { within } from "../support/within.js";
import {
  members,
  nth,
  participant,
  participants,
  settledOf,
  twoMembers,
  untilCount,
} from "./participants.js";

describeEachEtcd("a barrier", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  // experimental/recipes/v3_barrier_test.go:TestBarrierSingleNode, TestBarrierMultiNode
  it.concurrent("is held by one, and lets everybody pass who waits once it is released", async () => {
    await using programs = await participants(shared, 6);
    const [holder, others] = [nth(programs.all, 0), programs.all.slice(1)];
    const key = uniqueKey("barrier");
    const barrier = createBarrier(holder, key);
    await barrier.hold();
    const second = await rejection(() => barrier.hold());
    expect(second.error).toMatchObject({ code: "KEY_EXISTS", outcome: "not-applied" });
    expect(await holder.kv.get(key)).toMatchObject({ value: new Uint8Array(), lease: 0n });

    const waits = others.map((program) => createBarrier(program, key).wait());
    const passed = settledOf(waits);
    await Promise.all(others.map((program) => program.watching(1)));
    expect(passed()).toBe(0);
    await barrier.release();
    await Promise.all(waits);
    expect(await holder.kv.get(key)).toBeUndefined();
    await barrier.hold();
    await barrier.release();
  });

  // experimental/recipes/v3_barrier_test.go:TestBarrierWaitNonexistentKey
  it.concurrent("that is not held is passed at once, whatever other keys begin with its name", async () => {
    await using program = participant(shared);
    const key = uniqueKey("barrier");
    for (let i = 0; i < 5; i++) await program.kv.put(`${key}-${i}`, "");
    await createBarrier(program, key).wait();
    await createBarrier(program, key).release();
  });

  it.concurrent("is waited for no longer than the caller wants", async () => {
    await using program = participant(shared);
    const barrier = createBarrier(program, uniqueKey("barrier"));
    await barrier.hold();
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const waiting = barrier.wait({ signal: controller.signal });
    await program.watching(1);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(barrier.wait({ signal: controller.signal })).rejects.toBe(reason);
    const { error } = await rejection(() => barrier.wait({ timeoutMs: 1_000 }));
    expect(error.code).toBe("DEADLINE");
    expect(error.message).toMatch(/1000 ms, waiting for the barrier to be released$/);
    await barrier.release();
  });
});

describeEachEtcd("a double barrier", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  // experimental/recipes/v3_double_barrier_test.go:TestDoubleBarrier
  it.concurrent("lets ten enter together, and leave together", async () => {
    await using programs = await members(shared, 10);
    const key = uniqueKey("double");
    const { kv } = nth(programs.all, 0);
    const others = programs.all.map(({ session }) => createDoubleBarrier(session, key, 10));
    const last = nth(others.splice(0, 1), 0);

    const entering = others.map((barrier) => barrier.enter());
    const entered = settledOf(entering);
    await untilCount({ kv }, `${key}/waiters/`, 9);
    expect(entered()).toBe(0);
    await last.enter();
    await Promise.all(entering);
    const names = (await kv.range({ prefix: key })).kvs.map((pair) => utf8(pair.key));
    expect(names.filter((name) => /\/waiters\/[0-9]{19}$/.test(name))).toHaveLength(10);
    expect(names).toContain(`${key}/ready`);

    const leaving = others.map((barrier) => barrier.leave());
    const left = settledOf(leaving);
    // Who came first stays until the end.
    await untilCount({ kv }, `${key}/waiters/`, 2);
    expect(left()).toBe(0);
    await last.leave();
    await Promise.all(leaving);
    expect((await kv.range({ prefix: key })).kvs).toEqual([]);
  });

  it.concurrent("can be entered again by whoever is out, while others are still on their way out", async () => {
    await using programs = await members(shared, 4);
    const key = uniqueKey("double");
    const rounds = 8;
    const inside = Array.from({ length: rounds }, () => 0);
    const seen: number[] = [];
    await Promise.all(
      programs.all.map(async ({ session }) => {
        const barrier = createDoubleBarrier(session, key, 4);
        for (let round = 0; round < rounds; round++) {
          await barrier.enter();
          inside[round] = (inside[round] ?? 0) + 1;
          await barrier.leave();
          seen.push(inside[round] ?? 0);
        }
      }),
    );
    expect(seen).toEqual(Array.from({ length: 4 * rounds }, () => 4));
  }, 180_000);

  // In Go the first one then waits for the newcomer, who waits for others, who wait for the first one.
  it.concurrent("lets all out although somebody else has come meanwhile, who waits for the next round", async () => {
    await using programs = await members(shared, 4);
    const key = uniqueKey("double");
    const { kv } = nth(programs.all, 0);
    const barriers = programs.all.map(({ session }) => createDoubleBarrier(session, key, 3));
    const [newcomer, ...round] = [nth(barriers, 3), ...barriers.slice(0, 3)];
    const entering: Promise<void>[] = [];
    for (const [i, barrier] of round.entries()) {
      entering.push(barrier.enter());
      if (i < 2) await nth(programs.all, i).watching(1);
    }
    await Promise.all(entering);

    const leaving = round.slice(1).map((barrier) => barrier.leave({ timeoutMs: 30_000 }));
    await untilCount({ kv }, `${key}/waiters/`, 1);
    const next = newcomer.enter();
    const entered = settledOf([next]);
    await nth(programs.all, 3).watching(1);
    await nth(round, 0).leave({ timeoutMs: 30_000 });
    await Promise.all(leaving);
    expect(entered()).toBe(0);
    await Promise.all([next, nth(round, 0).enter(), nth(round, 1).enter()]);
    await Promise.all([newcomer, nth(round, 0), nth(round, 1)].map((barrier) => barrier.leave()));
    expect((await kv.range({ prefix: key })).kvs).toEqual([]);
  });

  // experimental/recipes/v3_double_barrier_test.go:TestDoubleBarrierTooManyClients
  it.concurrent("refuses the eleventh, who leaves no key", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const key = uniqueKey("double");
    const ten = Array.from({ length: 10 }, () => createDoubleBarrier(one.session, key, 10));
    await Promise.all(ten.map((barrier) => barrier.enter()));

    const refused = await rejection(() => createDoubleBarrier(other.session, key, 10).enter());
    expect(refused.error).toMatchObject({ code: "TOO_MANY_CLIENTS", outcome: "not-applied" });
    const { kvs } = await one.kv.range({ prefix: `${key}/waiters/` });
    expect(kvs.map(({ lease }) => lease)).toEqual(Array.from({ length: 10 }, () => one.session.leaseId));
    await Promise.all(ten.map((barrier) => barrier.leave()));
  });

  it.concurrent("lets exactly as many in as it is for, when more come at once", async () => {
    await using programs = await members(shared, 3);
    const key = uniqueKey("double");
    const barriers = Array.from({ length: 12 }, (_, i) => {
      return createDoubleBarrier(nth(programs.all, i % 3).session, key, 8);
    });
    const entered = await Promise.allSettled(barriers.map((barrier) => barrier.enter()));
    const inside = barriers.filter((_, i) => entered[i]?.status === "fulfilled");
    expect(inside).toHaveLength(8);
    const reasons = entered.flatMap((one) => (one.status === "rejected" ? [one.reason.code] : []));
    expect(reasons).toEqual(Array.from({ length: 4 }, () => "TOO_MANY_CLIENTS"));
    const { count } = await nth(programs.all, 0).kv.range({ prefix: `${key}/waiters/` }, { countOnly: true });
    expect(count).toBe(8);
    await Promise.all(inside.map((barrier) => barrier.leave()));
  });

  // experimental/recipes/v3_double_barrier_test.go:TestDoubleBarrierFailover
  it.concurrent.each(["first", "last"])(
    "lets the others leave when the %s one is gone with its session",
    async (which) => {
      await using programs = await members(shared, 5);
      const key = uniqueKey("double");
      const barriers = programs.all.map(({ session }) => createDoubleBarrier(session, key, 5));
      const entering: Promise<void>[] = [];
      for (const [i, barrier] of barriers.entries()) {
        entering.push(barrier.enter());
        if (i < 4) await nth(programs.all, i).watching(1);
      }
      await Promise.all(entering);

      const gone = which === "first" ? 0 : 4;
      await nth(programs.all, gone).session.close();
      await Promise.all(barriers.filter((_, i) => i !== gone).map((barrier) => barrier.leave()));
      expect((await rejection(() => nth(barriers, gone).leave())).error.code).toBe("CLOSED");
      expect((await nth(programs.all, 1).kv.range({ prefix: key })).kvs).toEqual([]);
    },
  );

  // F67
  it.concurrent("tells whoever waits within a second that its session is lost", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const barrier = createDoubleBarrier(one.session, uniqueKey("double"), 2);
    const entering = rejection(() => barrier.enter());
    await one.watching(2);
    await other.leases.revoke(one.session.leaseId);
    expect(await within(entering)).toBeLessThan(1_000);
    expect((await entering).error.code).toBe("SESSION_LOST");
  });

  // F69
  it.concurrent("tells whoever waits within a second that its key was deleted", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const key = uniqueKey("double");
    const barrier = createDoubleBarrier(one.session, key, 2);
    const entering = rejection(() => barrier.enter());
    await one.watching(2);
    await other.kv.delete({ prefix: key });
    expect(await within(entering)).toBeLessThan(1_000);
    expect((await entering).error.code).toBe("NOT_HOLDER");
    expect(one.session.isHeld()).toBe(true);
  });

  // F68
  it.concurrent("is left by whoever gives up waiting, who may enter again", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const key = uniqueKey("double");
    const barrier = createDoubleBarrier(one.session, key, 2);
    const controller = new AbortController();
    const entering = barrier.enter({ signal: controller.signal });
    await one.watching(1);
    await expect(barrier.enter()).rejects.toThrow(TypeError);
    await expect(barrier.leave()).rejects.toThrow(TypeError);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    await expect(entering).rejects.toBe(reason);
    expect((await one.kv.range({ prefix: key })).kvs).toEqual([]);

    expect((await rejection(() => barrier.enter({ timeoutMs: 50 }))).error.code).toBe("DEADLINE");
    const second = createDoubleBarrier(other.session, key, 2);
    await Promise.all([barrier.enter(), second.enter()]);
    await expect(barrier.enter()).rejects.toThrow(/leave first/);

    // Whoever gives up leaving is still in, and leaves later.
    expect((await rejection(() => barrier.leave({ timeoutMs: 100 }))).error.code).toBe("DEADLINE");
    await Promise.all([second.leave(), barrier.leave()]);
    expect((await one.kv.range({ prefix: key })).kvs).toEqual([]);
  });

  // F68, F73
  it.concurrent("keeps no key of participants that gave up at any moment, nor anything on what ended them", async () => {
    await using programs = await twoMembers(shared);
    const { one } = programs;
    const key = uniqueKey("double");
    const listeners = () => getEventListeners(one.session.signal, "abort").length;
    const before = listeners();
    const controllers = Array.from({ length: 40 }, () => new AbortController());
    await Promise.all(
      controllers.map(async (controller, i) => {
        const barrier = createDoubleBarrier(one.session, key, 100);
        const timer = setTimeout(() => controller.abort(new Error("enough")), i / 2);
        const ended = await barrier.enter({ signal: controller.signal }).catch((error: unknown) => error);
        expect(controller.signal.aborted).toBe(true);
        expect(ended).toBe(controller.signal.reason);
        clearTimeout(timer);
      }),
    );
    await untilCount(one, key, 0);
    await vi.waitFor(() => expect(listeners()).toBe(before), { timeout: 10_000 });
    expect(controllers.flatMap(({ signal }) => getEventListeners(signal, "abort"))).toEqual([]);
  });

  it.concurrent("is not opened by what an earlier round has left behind", async () => {
    await using programs = await twoMembers(shared);
    const { one, other } = programs;
    const key = uniqueKey("double");
    const stale = await one.kv.put(`${key}/ready`, "");
    const barriers = [one, other].map(({ session }) => createDoubleBarrier(session, key, 2));
    const entering = nth(barriers, 0).enter();
    const entered = settledOf([entering]);
    await one.watching(1);
    expect(entered()).toBe(0);
    await Promise.all([entering, nth(barriers, 1).enter()]);
    const ready = await one.kv.get(`${key}/ready`);
    expect(ready && ready.modRevision > stale.header.revision).toBe(true);
    expect(ready && compareBytes(ready.value, new Uint8Array())).toBe(0);
    await Promise.all(barriers.map((barrier) => barrier.leave()));
  });
});
