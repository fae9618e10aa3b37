import { setImmediate as turn } from "node:timers/promises";
import { type CallOptions, EtcdError, isEtcdError, kvFrom, type Op, type ResultOf } from "@etcdkit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { createElection } from "./election.js";
import type { Holding } from "./holding.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";
import type { Session } from "./session.js";

/** Numbers from 0 up to 1 that a seed repeats: a linear congruential generator. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const broken = new EtcdError("UNAVAILABLE", "the link broke", { outcome: "unknown" });
// What is still under way then is never carried out.
const longestDelayMs = 8_000;

/** Links that lose requests and answers, and bring some of the lost requests late. What is idempotent is sent once more. */
function unsoundServices(etcd: FakeEtcd, chance: () => number) {
  const services = etcd.services();
  const execute = <O extends Op>(op: O) => services.kv.execute(op);
  async function send<O extends Op>(op: O, call: CallOptions | undefined): Promise<ResultOf<O>> {
    const fate = chance();
    if (fate > 0.15) return await services.kv.execute(op, call);
    await turn();
    if (fate < 0.05) await execute(op);
    else if (fate < 0.12)
      setTimeout(() => void execute(op).catch(() => undefined), chance() * longestDelayMs);
    throw broken;
  }
  async function sendUntilAnswered<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    while (true) {
      call?.signal?.throwIfAborted();
      try {
        return await send(op, call);
      } catch (error) {
        const repeatable = call?.idempotent === true || op.type === "range";
        if (!(repeatable && isEtcdError(error, "UNAVAILABLE"))) throw error;
      }
    }
  }
  return { ...services, kv: kvFrom({ execute: sendUntilAnswered }) };
}

async function settle(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await turn();
}

/** Takes a name in one of the ways there are; gives up now and then. */
async function take(session: Session, chance: () => number) {
  const controller = new AbortController();
  const { signal } = controller;
  if (chance() < 0.3) void settle(Math.floor(chance() * 30)).then(() => controller.abort("enough"));
  const way = chance();
  if (way < 0.2) return await createMutex(session, "n").tryLock({ signal });
  if (way < 0.6) return await createMutex(session, "n").lock({ signal });
  return await createElection(session, "n").campaign(session, `${way}`, { signal });
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

// F67, F68, F73
describe("a name that many contend for over links that lose, repeat and delay", () => {
  it.each(Array.from({ length: 50 }, (_, n) => n + 1))(
    "has one holder at a time, with growing tokens, and none in the end (seed %i)",
    async (seed) => {
      const chance = chanceOf(seed);
      const etcd = new FakeEtcd();
      const ends: unknown[] = ["enough", broken];
      const held: Holding[] = [];
      let ended = 0;
      const sessions = await Promise.all(
        Array.from({ length: 3 }, () => openSession(unsoundServices(etcd, chance))),
      );
      const tasks = sessions.flatMap((session) =>
        Array.from({ length: 4 }, async () => {
          for (let round = 0; round < 4; round++) {
            const own = await take(session, chance).catch((error: unknown) => {
              expect(ends).toContain(error);
              return undefined;
            });
            if (own === undefined) continue;
            expect(held.filter((other) => other.isHeld())).toEqual([]);
            expect(own.isHeld()).toBe(true);
            expect(own.fencingToken).toBeGreaterThan(held.at(-1)?.fencingToken ?? 0n);
            held.push(own);
            await settle(Math.floor(chance() * 10));
            expect(own.isHeld()).toBe(!session.signal.aborted);
            await own[Symbol.asyncDispose]();
            await settle(Math.floor(chance() * 10));
          }
          ended += 1;
        }),
      );
      const all = Promise.all(tasks);
      const [unlucky] = sessions;
      const lossAt = Math.floor(chance() * 40);
      for (let steps = 0; ended < tasks.length && steps < 500; steps++) {
        if (steps === lossAt && unlucky !== undefined) {
          // It hears of the loss before the server goes by it.
          etcd.leases.get(unlucky.leaseId)?.halt("deadline");
          ends.push(unlucky.signal.reason);
          setTimeout(() => etcd.expire(unlucky.leaseId), chance() * 1_000);
        }
        await settle(20);
        await vi.advanceTimersByTimeAsync(chance() * 1_000);
      }
      await all;
      expect(held.length).toBeGreaterThan(0);
      // Until nothing is under way any more, and all that could be there by then was looked for.
      for (let ms = 0; ms < longestDelayMs + 10_000; ms += 500) {
        await vi.advanceTimersByTimeAsync(500);
        await settle(20);
      }
      expect([etcd.keys(), etcd.watches]).toEqual([[], 0]);
    },
  );
});
