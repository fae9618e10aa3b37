import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isKeepAliveHalted, type Logger } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createMaintenance } from "@etcdkit/maintenance";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { allServe, rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { compareWithJournal, none, readJournal } from "../watch/journal.js";
import { Observer } from "../watch/observer.js";

const outageMs = 12_000;

/** A logger that counts the attempts of calls that fail. */
function countAttempts() {
  const seen = { attempts: 0 };
  const ignore = (): void => undefined;
  const debug: Logger["debug"] = (message) => {
    if (message === "attempt failed") seen.attempts += 1;
  };
  return { seen, logger: { debug, info: ignore, warn: ignore, error: ignore } };
}

// The oldest and the newest only: what is tested here the client does alone, and time is what it is about.
describeOldestAndNewestEtcd("without a majority of members", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  it("F33 calls end in their time after few attempts, a member tells its status, and all is well soon after", async () => {
    const { cluster } = shared;
    const { seen, logger } = countAttempts();
    const { leader, followers } = await rolesOf(cluster);
    const [left, ...rest] = followers;
    if (left === undefined) throw new Error("expected three members");
    await using connection = shared.connect({ logger });
    await using watcher = createWatcher(connection);
    await using leases = createLeases(connection);
    const [kv, key] = [createKv(connection), uniqueKey()];
    const watch = watcher.watch(key, { requireLeader: false });
    const { revision } = await watch.created;
    const observer = new Observer(watch);
    const strict = watcher.watch(key);
    await strict.created;
    const strictObserver = new Observer(strict);
    const held = leases.keepAlive((await leases.grant(40)).id);
    await kv.put(key, "before");

    const away = [leader, ...rest];
    for (const member of away) await member.pause();
    const calls = { reads: 4, writes: 4 };
    try {
      const beganMs = performance.now();
      const ends = await Promise.all([
        ...Array.from({ length: calls.reads }, () => rejection(() => kv.get(key, { timeoutMs: outageMs }))),
        ...Array.from({ length: calls.writes }, () =>
          rejection(() => kv.put(key, "during", { timeoutMs: outageMs })),
        ),
        // A status is each member's own.
        createMaintenance(connection).status(left.endpoint, { timeoutMs: 5_000 }),
      ]);
      const seconds = (performance.now() - beganMs) / 1_000;
      for (const [i, end] of ends.entries()) {
        if (!("error" in end)) {
          expect(end.header.memberId).toBeGreaterThan(0n);
          continue;
        }
        expect(end.error.code).toMatch(/^(DEADLINE|UNAVAILABLE|TIMEOUT.*|NO_LEADER|LEADER_CHANGED)$/);
        expect(end.afterMs).toBeLessThan(outageMs + 3_000);
        if (i >= calls.reads) expect(end.error.outcome).toBe("unknown");
      }
      const rate = seen.attempts / seconds / (calls.reads + calls.writes);
      console.log(
        `no majority (etcd ${etcd.version}): ${calls.reads} reads and ${calls.writes} writes for ` +
          `${seconds.toFixed(1)} s, ${seen.attempts} failed attempts in all, ${rate.toFixed(2)}/s for each call`,
      );
      expect(seen.attempts).toBeGreaterThan(0);
      expect(rate).toBeLessThanOrEqual(5);
    } finally {
      for (const member of away) member.resume();
    }
    const backMs = performance.now();
    const electing = rolesOf(cluster, cluster.members, 30_000).then(() => performance.now() - backMs);
    electing.catch(() => undefined); // looked at below
    await kv.get(key, { timeoutMs: 30_000 });
    const recoveredMs = performance.now() - backMs;
    const electionMs = await electing;
    const last = (await kv.put(key, "after", { timeoutMs: 20_000, idempotent: true })).header.revision;
    await observer.reached(last, 30_000);
    console.log(`no majority (etcd ${etcd.version}): the first read ${Math.round(recoveredMs)} ms after`);
    // Its members need an election first, which takes 1 to 2 s, or longer on a busy machine.
    expect(recoveredMs).toBeLessThan(electionMs + 3_000);
    expect(held.signal.aborted).toBe(false);
    const journal = await readJournal(cluster, { prefix: key }, last);
    expect(compareWithJournal(journal, observer.batches, revision)).toEqual(none);
    // One that asks for a leader is told that there is none, unless it was at a member that was frozen itself.
    if (strictObserver.over) expect(strictObserver.error).toMatchObject({ code: "NO_LEADER" });
    else await strictObserver.reached(last, 30_000);
    await allServe(cluster);
  }, 120_000);

  it("F37 because all were killed and stay away, watches resume when they are back, and only leases that could expire are given up", async () => {
    const { cluster } = shared;
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    await using leases = createLeases(connection);
    const [kv, prefix] = [createKv(connection), uniqueKey()];
    const watch = watcher.watch({ prefix });
    const { revision } = await watch.created;
    const observer = new Observer(watch);
    const long = leases.keepAlive((await leases.grant(60)).id);
    const short = leases.keepAlive((await leases.grant(5)).id);
    await Promise.all([long, short].map((keepAlive) => keepAlive[Symbol.asyncIterator]().next()));
    await kv.put(`${prefix}lost with the lease`, "", { leaseId: short.leaseId });
    await kv.put(`${prefix}kept with the lease`, "", { leaseId: long.leaseId });
    await observer.count(2);

    const aborted = once(short.signal, "abort");
    await Promise.all(cluster.members.map((member) => member.kill()));
    const beganMs = performance.now();
    await aborted;
    // Its 5 s began with the last renewal; the rest is for a busy machine.
    expect(performance.now() - beganMs).toBeLessThan(7_000);
    expect([short.isHeld(), long.isHeld()]).toEqual([false, true]);
    expect(isKeepAliveHalted(short.signal.reason)).toBe(true);
    await expect(kv.get(prefix, { timeoutMs: 500 })).rejects.toMatchObject({ code: "DEADLINE" });
    await delay(1_000);
    await Promise.all(cluster.members.map((member) => member.restart()));

    await kv.put(`${prefix}back`, "", { timeoutMs: 30_000, idempotent: true });
    // The servers give every lease its whole time anew when they have a leader; then the one that nobody renews is gone.
    await observer.until(() => observer.events.includes(`delete ${prefix}lost with the lease`), 30_000);
    expect([long.signal.aborted, long.isHeld()]).toEqual([false, true]);
    expect(await kv.get(`${prefix}kept with the lease`)).toBeDefined();
    const last = (await kv.put(`${prefix}last`, "", { idempotent: true })).header.revision;
    await observer.reached(last);
    const journal = await readJournal(cluster, { prefix }, last);
    expect(compareWithJournal(journal, observer.batches, revision)).toEqual(none);
  }, 120_000);
});
