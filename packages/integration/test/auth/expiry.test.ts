import { setTimeout as delay } from "node:timers/promises";
import { createKv } from "@etcdkit/kv";
import type { EtcdCluster } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { Witness } from "./witness.js";

const ttlSeconds = 3;
const callers = 50;
const runMs = 10_000;
/** Longer than the life of a token and the second within which servers notice, or two where they are busy. */
const idleMs = (ttlSeconds + 3) * 1_000;

/** How many lives of a JWT at most a stretch of time has: one ends when it says, to the second, here after two to three. */
const livesIn = (ms: number): number => Math.ceil(ms / 1_000 / (ttlSeconds - 1));

/** Fifty callers read and write for ten seconds, each one call after the other, with a breath between. */
async function steadily(cluster: EtcdCluster) {
  const witness = new Witness();
  await using connection = witness.connect(cluster);
  const kv = createKv(connection);
  const startMs = performance.now();
  const end = startMs + runMs;
  let calls = 0;
  const caller = async (_: unknown, i: number): Promise<void> => {
    for (let n = 0; performance.now() < end; n++) {
      if ((n + i) % 2 === 0) await kv.put(`steady/${i}`, `${n}`);
      else await kv.get(`steady/${i}`);
      calls += 1;
      await delay(20);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { calls, lives: livesIn(performance.now() - startMs), witness };
}

/** Fifty callers at once, again and again, each time after the token has expired. */
async function inBursts(cluster: EtcdCluster) {
  const witness = new Witness();
  await using connection = witness.connect(cluster);
  const kv = createKv(connection);
  let calls = 0;
  let lives = 0;
  const bursts = 3;
  for (let burst = 0; burst < bursts; burst++) {
    if (burst > 0) await delay(idleMs);
    const one = async (_: unknown, i: number): Promise<void> => {
      await kv.put(`burst/${i}`, `${burst}`);
      await kv.get(`burst/${i}`);
      calls += 2;
    };
    const startMs = performance.now();
    await Promise.all(Array.from({ length: callers }, one));
    lives += livesIn(performance.now() - startMs);
  }
  return { calls, bursts, lives, witness };
}

// A promise of the family: callers never learn that tokens expire.
describeEachEtcd("tokens that live three seconds", (etcd) => {
  it("expire without any caller noticing, with one log-in for each time", async () => {
    await using simple = await etcd.start({ members: 3, auth: "simple", tokenTtlSeconds: ttlSeconds });
    await using jwt = await etcd.start({ auth: "jwt", tokenTtlSeconds: ttlSeconds });
    const [steady, bursts, steadyJwt, burstsJwt] = await Promise.all([
      steadily(simple),
      inBursts(simple),
      steadily(jwt),
      inBursts(jwt),
    ]);

    const calls = steady.calls + bursts.calls + steadyJwt.calls + burstsJwt.calls;
    console.info(
      `token expiry (etcd ${etcd.version}): ${calls} calls by ${4 * callers} callers, 0 errors; log-ins: simple ` +
        `${steady.witness.logIns} steady, ${bursts.witness.logIns} for ${bursts.bursts} bursts; JWT ` +
        `${steadyJwt.witness.logIns} steady, ${burstsJwt.witness.logIns} for ${burstsJwt.bursts} bursts`,
    );

    // A simple token lives on where it is used, and all three members are: one log-in, and one more should the machine
    // itself stand still for longer than a token lives.
    expect(steady.witness.logIns).toBeGreaterThanOrEqual(1);
    expect(steady.witness.logIns).toBeLessThanOrEqual(2);
    expect(bursts.witness.logIns).toBe(bursts.bursts);
    expect(steadyJwt.witness.logIns).toBeGreaterThanOrEqual(Math.floor(runMs / 1_000 / ttlSeconds));
    expect(steadyJwt.witness.logIns).toBeLessThanOrEqual(1 + steadyJwt.lives);
    expect(burstsJwt.witness.logIns).toBeGreaterThanOrEqual(burstsJwt.bursts);
    expect(burstsJwt.witness.logIns).toBeLessThanOrEqual(1 + burstsJwt.lives);
    for (const { witness } of [steady, bursts, steadyJwt, burstsJwt]) witness.expectSecretsKept();
  });
});
