import { setTimeout as delay } from "node:timers/promises";
import { type Kv, kvFrom, op, type WatchOpener } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd, type EtcdUnderTest } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { readJournal } from "../watch/journal.js";
import { type Divergence, divergenceOf } from "./divergence.js";
import { type Ground, onGround, pairsOf, RunningMirror } from "./ground.js";

interface LinkedGround extends Ground {
  /** To the source and to the destination, for the mirror only. */
  readonly links: readonly [Bridge, Bridge];
  /** Past the links. */
  readonly direct: { readonly source: Kv; readonly destination: Kv };
}

/** Two clusters for the cases of a describe block, and a link to each. */
function linked(etcd: EtcdUnderTest): {
  onLinks(run: (ground: LinkedGround) => Promise<void>): Promise<void>;
  /** Compares the journals of both sides, once the mirror has come to rest. */
  compared(ground: LinkedGround): Promise<Divergence>;
} {
  const from = etcd.shared();
  const to = etcd.shared();
  return {
    async onLinks(run) {
      await using one = await openBridge(from.endpoints[0] ?? "");
      await using other = await openBridge(to.endpoints[0] ?? "");
      await using source = from.connect();
      await using destination = to.connect();
      const direct = { source: createKv(source), destination: createKv(destination) };
      const endpoints = { from: one.endpoint, to: other.endpoint };
      await onGround({ from, to }, (ground) => run({ ...ground, links: [one, other], direct }), endpoints);
    },
    async compared({ direct, prefix, destinationRoot, options }) {
      const checkpointKey = `${destinationRoot}checkpoint`;
      const upTo = (await direct.destination.get(checkpointKey))?.modRevision ?? 0n;
      const last = await direct.source.range({ prefix }, { last: "modified" });
      const source = await readJournal(from.cluster, { prefix }, last.kvs[0]?.modRevision ?? 0n);
      const destination = await readJournal(to.cluster, { prefix: destinationRoot }, upTo);
      const { destinationPrefix } = options;
      return divergenceOf(source, destination, { prefix, destinationPrefix, checkpointKey });
    },
  };
}

/** Servers that leave out events leave the mirror no chance; nothing is repeated all the same. */
async function expectFaithful(
  etcd: EtcdUnderTest,
  ground: LinkedGround,
  { diverged, skipped, repeated }: Divergence,
): Promise<void> {
  expect(repeated).toBe(0);
  if (!etcd.has("sound-watches")) return;
  expect({ diverged, skipped }).toEqual({ diverged: 0, skipped: 0 });
  await expectEqual(ground);
}

async function expectEqual({ direct, prefix, options }: LinkedGround): Promise<void> {
  const copy = await pairsOf(direct.destination, options.destinationPrefix);
  expect(copy).toEqual(await pairsOf(direct.source, prefix));
}

describeEachEtcd("a mirror under faults", (etcd) => {
  const { onLinks, compared } = linked(etcd);

  it(
    "is at every moment what the source was at some revision, whichever link is cut",
    () =>
      onLinks(async (ground) => {
        const { direct, prefix, links } = ground;
        await using running = new RunningMirror(ground);
        await running.until((one) => one.kind === "base" && one.done);
        let cuts = 0;
        let lostAnswers = 0;
        const load = new Load(direct.source, prefix, async () => {
          // Now and then a transaction is carried out, and its answer is lost.
          const [source, destination] = links;
          if (cuts % 2 === 0) source.cut();
          else if (cuts % 4 === 1) destination.cut();
          else {
            const lost = destination.dropAnswersThenCut({ quietMs: 5 }).then(() => lostAnswers++, noMatter);
            // Without a transaction under way there is no answer to lose.
            await Promise.race([lost, delay(600)]);
            await destination.pass();
          }
          cuts += 1;
        });
        const last = await load.run(400, 8);
        await links[1].pass();
        await running.reached(last);
        await running.stop();
        const found = await compared(ground);
        const waits = running.progress.filter(({ kind }) => kind === "waiting").length;
        console.info(
          `etcd ${etcd.version}: mirror over ${cuts} cut links, ${lostAnswers} of them with answers lost: ${found.moments} moments, ${waits} waits, ${told(found)}`,
        );
        // What was never told of was not mirrored.
        expect(found.moments).toBeGreaterThan(etcd.has("sound-watches") ? 400 : 300);
        expect(lostAnswers).toBeGreaterThan(0);
        await expectFaithful(etcd, ground, found);
      }),
    180_000,
  );

  it.each([
    [128, "one transaction"],
    [4, "several transactions"],
  ])(
    "neither skips nor repeats when it is stopped anywhere and started again (maxTxnOps %i: %s a revision)",
    (maxTxnOps) =>
      onLinks(async (ground) => {
        const { direct, prefix, options } = ground;
        const mirrorGround = { ...ground, options: { ...options, maxTxnOps } };
        let restarts = 0;
        let running = new RunningMirror(mirrorGround);
        try {
          const load = new Load(direct.source, prefix, async () => {
            const { length } = running.progress;
            const before = Math.floor(Math.random() * 6);
            // Wherever it is by then: between two transactions, or in the middle of one.
            if (before > 0)
              await running.until(() => running.progress.length >= length + before, 300).catch(noMatter);
            await running.stop();
            running = new RunningMirror(mirrorGround);
            restarts += 1;
          });
          const last = await load.run(300, 10);
          await running.reached(last);
        } finally {
          await running.stop();
        }
        const found = await compared(ground);
        console.info(
          `etcd ${etcd.version}: mirror with ${maxTxnOps} operations started again ${restarts} times: ${found.moments} moments, ${told(found)}`,
        );
        expect(restarts).toBeGreaterThan(20);
        await expectFaithful(etcd, ground, found);
      }),
  );

  it("tells of a destination that cannot be reached, and goes on when it is back", () =>
    onLinks(async (ground) => {
      const { direct, prefix, links } = ground;
      await using running = new RunningMirror({
        ...ground,
        destination: { kv: withTimeout(ground.destination.kv, 1_500) },
      });
      await running.until((one) => one.kind === "base" && one.done);
      await links[1].refuse();
      links[1].cut();
      const last = await write(direct.source, `${prefix}a`, 50);
      await running.until((one) => one.kind === "waiting" && one.failures >= 2);
      await links[1].pass();
      await running.reached(last);
      await expectEqual(ground);
      expect((await compared(ground)).diverged).toBe(0);
    }));
});

// What watches make of a lost leader is tried on each version among the tests of watches.
describeNewestEtcd("a mirror of a source without a leader", (etcd) => {
  const to = etcd.shared();

  it("goes on when there is one again, although watches end with NO_LEADER meanwhile", async () => {
    await using from = await etcd.start({ members: 3 });
    await using connection = connectTo(from);
    await using destination = to.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    let opened = 0;
    const counted: WatchOpener = {
      open(request, call) {
        opened += 1;
        return watcher.open(request, call);
      },
    };
    const root = uniqueKey("leaderless");
    const options = { prefix: "s/", destinationPrefix: `${root}keys/`, checkpointKey: `${root}checkpoint` };
    const copy = createKv(destination);
    await using running = new RunningMirror({
      source: { kv, watcher: counted },
      destination: { kv: copy },
      options,
    });
    await running.reached(await write(kv, "s/a", 3));
    const most = from.members.slice(1);
    for (const member of most) await member.kill();
    // The watch gives up waiting, and another one is opened.
    await expect.poll(() => opened, { timeout: 30_000 }).toBeGreaterThan(1);
    await Promise.all(most.map((member) => member.restart()));
    await connection.ready();
    await running.reached(
      (await kv.put("s/b", "1", { idempotent: true, timeoutMs: 20_000 })).header.revision,
    );
    expect(await pairsOf(copy, options.destinationPrefix)).toEqual({ a: "2", b: "1" });
  });
});

describeEachEtcd("a mirror of a source that is compacted", (etcd) => {
  const { onLinks } = linked(etcd);

  it("F55 begins with a new base when the source was compacted meanwhile, and ends up equal", () =>
    onLinks(async (ground) => {
      const { direct, prefix, links } = ground;
      for (const key of ["stays", "goes", "changes"]) await direct.source.put(`${prefix}${key}`, "1");
      await using running = new RunningMirror(ground);
      await running.until((one) => one.kind === "base" && one.done);
      await links[0].refuse();
      links[0].cut();
      await direct.source.delete(`${prefix}goes`);
      await direct.source.put(`${prefix}comes`, "1");
      const last = await write(direct.source, `${prefix}changes`, 100);
      await direct.source.compact(last);
      await links[0].pass();
      await running.until((one) => one.kind === "base" && one.done && one.reason === "compacted");
      await expectEqual(ground);
      // Only what differs was written.
      expect(running.progress.at(-1)).toMatchObject({ totals: { puts: 5, deletes: 1 } });
      const later = await write(direct.source, `${prefix}later`, 1);
      await running.reached(later);
      await expectEqual(ground);
    }));

  it("F55 ends with COMPACTED instead, where that is asked for, and can be started again with a new base", () =>
    onLinks(async (ground) => {
      const { direct, prefix, options } = ground;
      await using first = new RunningMirror(ground);
      await first.until((one) => one.kind === "base" && one.done);
      await first.stop();
      await direct.source.compact(await write(direct.source, `${prefix}a`, 10));
      await using strict = new RunningMirror({ ...ground, options: { ...options, onCompacted: "throw" } });
      expect(await strict.end()).toMatchObject({ code: "COMPACTED" });
      await using again = new RunningMirror(ground);
      await again.until((one) => one.kind === "base" && one.done && one.reason === "compacted");
      await expectEqual(ground);
    }));

  it("finishes a base that was interrupted, and starts over when it was compacted in the middle", () =>
    onLinks(async (ground) => {
      const { direct, prefix, options } = ground;
      const keys = Array.from({ length: 500 }, (_, i) => `${prefix}${i}`);
      for (let i = 0; i < keys.length; i += 100) {
        await direct.source.txn({ success: keys.slice(i, i + 100).map((key) => op.put(key, key)) });
      }
      await using first = new RunningMirror(ground);
      await first.until((one) => one.kind === "base");
      await first.stop();
      // As if it had not come further than that.
      const checkpoint = `${ground.destinationRoot}checkpoint`;
      const found = await direct.destination.get(checkpoint);
      const place: unknown = JSON.parse(new TextDecoder().decode(found?.value));
      await direct.destination.put(checkpoint, JSON.stringify(Object.assign(place ?? {}, { phase: "base" })));
      await direct.destination.put(`${options.destinationPrefix}half`, "done");
      await direct.source.compact((await direct.source.put(`${prefix}0`, "new")).header.revision);
      await using second = new RunningMirror(ground);
      await second.until((one) => one.kind === "base" && one.done && one.reason === "interrupted");
      await expectEqual(ground);
    }));
});

/** Writes and deletes keys, one revision after the other, some of them of several keys, and lets something happen between. */
class Load {
  readonly #kv: Kv;
  readonly #prefix: string;
  readonly #disturb: () => Promise<void>;

  constructor(kv: Kv, prefix: string, disturb: () => Promise<void>) {
    this.#kv = kv;
    this.#prefix = prefix;
    this.#disturb = disturb;
  }

  /** @returns The last revision. */
  async run(revisions: number, every: number): Promise<bigint> {
    let disturbance = Promise.resolve();
    for (let i = 0; i < revisions; i++) {
      if (i % every === 0) {
        await disturbance;
        disturbance = this.#disturb();
        disturbance.catch(noMatter);
      }
      await this.#write(i);
    }
    await disturbance;
    return await write(this.#kv, `${this.#prefix}last`, 1);
  }

  async #write(i: number): Promise<void> {
    const key = (n: number): string => `${this.#prefix}${n % 17}`;
    if (i % 5 === 0) {
      const puts = [1, 2, 3, 4, 5, 6].map((n) => op.put(key(i + n), `${i} of six`));
      await this.#kv.txn({ success: [...puts, op.delete(key(i + 7))] });
    } else if (i % 7 === 0) {
      await this.#kv.delete(key(i));
    } else {
      await this.#kv.put(key(i), `${i}`);
    }
  }
}

async function write(kv: Kv, key: string, times: number): Promise<bigint> {
  let last = 0n;
  for (let i = 0; i < times; i++) last = (await kv.put(key, `${i}`)).header.revision;
  return last;
}

/** The same, with calls that give up sooner. */
function withTimeout(kv: Kv, timeoutMs: number): Kv {
  return kvFrom({ execute: (operation, call) => kv.execute(operation, { ...call, timeoutMs }) });
}

function told({ diverged, skipped, repeated }: Omit<Divergence, "moments">): string {
  return `divergences ${diverged}, skipped ${skipped}, repeated ${repeated}`;
}

function noMatter(): void {
  // What fails here fails where it is waited for.
}
