import { setTimeout as delay } from "node:timers/promises";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type EtcdCluster, openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import type { EtcdUnderTest } from "../support/each-etcd.js";
import { together } from "../support/together.js";
import { compareWithJournal, none, readJournal } from "../watch/journal.js";
import { Observer } from "../watch/observer.js";
import { Witness } from "./witness.js";

const ttlSeconds = 3;
const callers = 50;

/**
 * Fifty callers, a watch of what they write and one that stays quiet, and leases that are kept alive, over one connection
 * whose links are cut once. Everything here throws on the first error that a program would see.
 */
async function run(cluster: EtcdCluster, runMs: number) {
  const witness = new Witness();
  const beginMs = performance.now();
  await using links = await together(...cluster.endpoints.map((endpoint) => openBridge(endpoint)));
  await using connection = witness.connect(cluster, { endpoints: links.all.map(({ endpoint }) => endpoint) });
  const kv = createKv(connection);
  await using watcher = createWatcher(connection);
  await using leases = createLeases(connection);
  const [busy, quiet] = [watcher.watch({ prefix: "call/" }), watcher.watch("nothing")];
  const { revision } = await busy.created;
  await quiet.created;
  const [busyObserver, quietObserver] = [new Observer(busy), new Observer(quiet)];
  // About three lives of a token, so that renewals matter: one at least in each life.
  const held = await Promise.all(
    Array.from({ length: 10 }, async () => leases.keepAlive((await leases.grant(9)).id)),
  );

  const startMs = performance.now();
  const endMs = startMs + runMs;
  let calls = 0;
  let cut = false;
  let stopped = false;
  const caller = async (_: unknown, i: number): Promise<void> => {
    for (let n = 0; !stopped && performance.now() < endMs; n++) {
      // Whether a write that a cut met was applied is not asked here: it may be sent again.
      if (n % 2 === 0) await kv.put(`call/${i}`, `${n}`, { idempotent: true });
      else await kv.get(`call/${i}`);
      calls += 1;
      // Some often, some more seldom than a token lives.
      await delay(i % 10 === 0 ? (ttlSeconds + 2) * 1_000 : 100);
    }
  };
  const supervisor = async (): Promise<void> => {
    while (!stopped && performance.now() < endMs) {
      await delay(250);
      for (const { signal } of held) signal.throwIfAborted();
      if (busyObserver.over) throw busyObserver.error ?? new Error("the watch has ended");
      if (quietObserver.over) throw quietObserver.error ?? new Error("the quiet watch has ended");
      if (!cut && performance.now() - startMs > runMs / 2) {
        cut = true;
        for (const link of links.all) link.cut();
      }
    }
  };
  try {
    await Promise.all([supervisor(), ...Array.from({ length: callers }, caller)]);
  } finally {
    stopped = true;
  }
  expect(held.map((keepAlive) => keepAlive.isHeld())).toEqual(held.map(() => true));
  const { logIns } = witness;
  const ranMs = performance.now() - beginMs;

  const last = (await kv.put("call/last", "")).header.revision;
  await busyObserver.reached(last);
  const journal = await readJournal(cluster, { prefix: "call/" }, last);
  const differences = compareWithJournal(journal, busyObserver.batches, revision);
  await kv.put("nothing", "something");
  await quietObserver.count(1);
  return { calls, cut, differences, events: journal.length, held: held.length, logIns, ranMs, witness };
}

/** Defines the case: everything at once on tokens that live three seconds, simple ones and JSON Web Tokens. */
export function itExpiresUnnoticed(etcd: EtcdUnderTest, runMs: number): void {
  it(`expire for ${runMs / 1_000} s without callers, watches or holders of leases noticing, over a cut`, async () => {
    await using clusters = await together(
      etcd.start({ members: 3, auth: "simple", tokenTtlSeconds: ttlSeconds }),
      etcd.start({ auth: "jwt", tokenTtlSeconds: ttlSeconds }),
    );
    const reports = await Promise.all(clusters.all.map((cluster) => run(cluster, runMs)));
    for (const [i, { calls, cut, differences, events, held, logIns, ranMs, witness }] of reports.entries()) {
      const kind = clusters.all[i]?.auth?.kind;
      console.info(
        `tokens of ${ttlSeconds} s for ${runMs / 1_000} s (etcd ${etcd.version}, ${kind}): ${calls} calls by ` +
          `${callers} callers, ${events} events watched, ${held} leases held, 0 errors; ${logIns} log-ins`,
      );
      expect(cut).toBe(true);
      expect(differences).toEqual(none);
      expect(calls).toBeGreaterThan(callers * (runMs / 1_000));
      expect(logIns).toBeGreaterThanOrEqual(1);
      // A JWT is over 2 to 3 s after it was made. A simple token lives on where it is used; a cut may cost one more.
      const most = kind === "jwt" ? Math.ceil(ranMs / 1_000 / (ttlSeconds - 1)) : 2;
      expect(logIns).toBeLessThanOrEqual(2 + most);
      witness.expectSecretsKept();
    }
  }, 180_000);
}
