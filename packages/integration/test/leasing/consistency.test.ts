import { setTimeout as delay } from "node:timers/promises";
import {
  isEtcdError,
  type Kv,
  kvFrom,
  type Leases,
  outcomeOf,
  type RangeResult,
  type ResultOf,
  utf8,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { expect, it, vi } from "vitest";
import { runProgram } from "../support/child.js";
import { describeEachEtcd, type SharedCluster } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { readJournal } from "../watch/journal.js";
import { judge, type Observation, sound } from "./history.js";
import { type BridgedProgram, bridgedProgram, type Program, program } from "./program.js";

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** A store in use: programs that read and write a few keys, and a record of what they saw. */
class Workload {
  readonly history: Observation[] = [];
  readonly keys: readonly string[];
  readonly #prefix: string;
  #on = true;
  #writers = 0;
  #quiet = false;
  #count = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.keys = Array.from({ length: 5 }, (_, i) => `${prefix}${i}`);
  }

  stop(): void {
    this.#on = false;
  }

  /** Lets nobody write while something is done. Reads go on. */
  async whileQuiet(what: () => Promise<void>): Promise<void> {
    this.#quiet = true;
    while (this.#writers > 0) await delay(5);
    await what();
    this.#quiet = false;
  }

  /** Reads over and over. What cannot be read is no observation. */
  async read(kv: Kv): Promise<void> {
    while (this.#on) {
      for (const key of this.keys) {
        const startMs = nowMs();
        try {
          this.#note(key, startMs, await kv.range(key, { timeoutMs: 500 }));
        } catch {
          await delay(10);
        }
      }
      await delay(1);
    }
  }

  #note(key: string, startMs: number, { header, kvs }: RangeResult): void {
    const [pair] = kvs;
    const value = pair && utf8(pair.value);
    const modRevision = pair?.modRevision ?? 0n;
    const { revision } = header;
    this.history.push({ kind: "read", key, startMs, endMs: nowMs(), revision, modRevision, value });
  }

  /** Writes now and then, now and then deletes. */
  async write(kv: Kv, pauseMs: number): Promise<void> {
    while (this.#on) {
      await delay(pauseMs * Math.random());
      if (this.#quiet) continue;
      this.#writers += 1;
      await this.#writeOne(kv);
      this.#writers -= 1;
    }
  }

  async #writeOne(kv: Kv): Promise<void> {
    const key = this.keys[Math.floor(Math.random() * this.keys.length)] ?? "";
    const startMs = nowMs();
    this.#count += 1;
    const value = Math.random() < 0.8 ? `${this.#prefix}-${this.#count}` : undefined;
    const call = { timeoutMs: 3_000 };
    const note = (revision: bigint | undefined): void => {
      this.history.push({ kind: "write", key, startMs, endMs: nowMs(), revision, value });
    };
    try {
      if (value !== undefined) {
        note((await kv.put(key, value, call)).header.revision);
      } else {
        const { header, deleted } = await kv.delete(key, call);
        if (deleted > 0) note(header.revision);
      }
    } catch (error) {
      if (outcomeOf(error) === "unknown") note(undefined);
    }
  }
}

/** Cuts a program's link, at times for longer than its lease lives. */
async function cutLinks({ bridge }: BridgedProgram, isOver: () => boolean): Promise<number> {
  let cuts = 0;
  for (; !isOver(); cuts++) {
    await delay(300 + 400 * Math.random());
    await bridge.refuse();
    bridge.cut();
    await delay(cuts % 3 === 1 ? 2_500 : 100);
    await bridge.pass();
  }
  return cuts;
}

/** Resolves when a program hears what others want of it, as it does once its link is up again. */
async function listens(owner: BridgedProgram, other: Program, prefix: string): Promise<void> {
  const key = uniqueKey("listens");
  const look = async (): Promise<void> => {
    await owner.kv.get(key);
    expect(await other.plain.get(prefix + key)).toBeDefined();
  };
  await vi.waitFor(look, { timeout: 20_000 });
  await other.kv.put(key, "x", { timeoutMs: 20_000 });
}

/** Revokes the leases of so many programs, and waits until each has another: then it has heard of it. */
async function revokeAll(leases: Leases, programs: number): Promise<void> {
  const { ids } = await leases.list();
  for (const id of ids) {
    await leases.revoke(id).catch((error: unknown) => {
      if (!isEtcdError(error, "LEASE_NOT_FOUND")) throw error;
    });
  }
  const look = async (): Promise<void> => {
    const now = await leases.list();
    expect(now.ids).toHaveLength(programs);
    expect(now.ids.filter((id) => ids.includes(id))).toEqual([]);
  };
  await vi.waitFor(look, { timeout: 20_000 });
}

async function verdictOf(shared: SharedCluster, { keys, history }: Workload, kv: Kv) {
  const [prefix = ""] = keys;
  const range = { prefix: prefix.slice(0, -1) };
  const { header } = await kv.put(`${range.prefix}end`, String(nowMs()));
  return judge(history, await readJournal(shared.cluster, range, header.revision));
}

describeEachEtcd("what is read through leasing clients", (etcd) => {
  const shared = etcd.shared();

  // faults: link cuts, lost answers, an owner that is stopped for longer than its lease, a lease revoked by somebody else
  it("is never older than what was known, while links break and owners stop", async () => {
    const prefix = uniqueKey("leasing");
    const workload = new Workload(uniqueKey());
    await using first = await bridgedProgram(shared, prefix, { ttlSeconds: 2 });
    await using second = await bridgedProgram(shared, prefix, { ttlSeconds: 2 });
    await using third = await program(shared, prefix, { ttlSeconds: 2 });
    await using outsider = shared.connect();
    let [cuts, over] = [0, false];
    const reader = new URL("./programs/paused-reader.mjs", import.meta.url);
    const end = await runProgram(
      reader,
      [shared.endpoints.join(), prefix, "2", ...workload.keys],
      async (pid) => {
        const working = [
          workload.read(first.kv),
          workload.read(second.kv),
          workload.read(third.kv),
          workload.write(first.kv, 60),
          workload.write(second.kv, 60),
          workload.write(third.kv, 60),
        ];
        const cutting = [cutLinks(first, () => over), cutLinks(second, () => over)];
        await delay(500);
        process.kill(Number(pid), "SIGSTOP");
        await delay(3_000);
        process.kill(Number(pid), "SIGCONT");
        await delay(1_000);
        over = true;
        for (const one of await Promise.all(cutting)) cuts += one;
        for (const one of [first, second]) await listens(one, third, prefix);
        // Who revokes somebody's lease breaks the rules of the game, and its owner cannot know before it hears of it: from the
        // watch, and with the next renewal at the latest. Nobody writes until then.
        await workload.whileQuiet(() => revokeAll(createLeases(outsider), 4));
        await delay(1_000);
        workload.stop();
        await Promise.all(working);
      },
    );
    expect(end.errors).toBe("");
    const stopped = JSON.parse(end.output) as { hits: number; reads: StoppedRead[] };
    workload.history.push(...stopped.reads.map(observationOf));
    const verdict = await verdictOf(shared, workload, createKv(outsider));
    const reads = workload.history.filter(({ kind }) => kind === "read").length;
    const hits = [first, second, third].reduce((sum, { kv }) => sum + kv.stats().hits, stopped.hits);
    console.info(
      `leasing consistency (etcd ${etcd.version}): ${reads} reads, ${hits} from memory, ` +
        `${workload.history.length - reads} writes, ${cuts} cuts, 1 owner stopped, stale ${verdict.stale}`,
    );
    expect(verdict).toEqual(sound);
    expect(hits).toBeGreaterThan(reads / 10);
    expect(workload.history.length - reads).toBeGreaterThan(20);
  }, 180_000);
});

type StoppedRead = readonly [
  key: string,
  startMs: number,
  endMs: number,
  revision: string,
  modRevision: string,
  value: string | undefined,
];

function observationOf([key, startMs, endMs, revision, modRevision, value]: StoppedRead): Observation {
  return {
    kind: "read",
    ...{ key, startMs, endMs },
    revision: BigInt(revision),
    modRevision: BigInt(modRevision),
    value: value ?? undefined,
  };
}

/** Where in the history the reads are of a key of which a write was known before: one from the past would be stale there. */
function readsOfKnown(history: readonly Observation[]): readonly number[] {
  return history.flatMap((read, at) => {
    if (read.kind !== "read" || read.modRevision === 0n) return [];
    const isKnown = history.slice(0, at).some(({ kind, key, endMs, revision }) => {
      return kind === "write" && key === read.key && revision !== undefined && endMs < read.startMs;
    });
    return isKnown ? [at] : [];
  });
}

// On the newest server only: it is the judge that is on trial here.
describeNewestEtcd("the judge of what is read", (etcd) => {
  const shared = etcd.shared();

  /** What one would write without leases: a cache that asks again after a while. */
  function hopefully(kv: Kv): Kv {
    const cache = new Map<string, { readonly answer: RangeResult; readonly until: number }>();
    return kvFrom({
      ...kv,
      execute: async (op, call) => {
        if (op.type !== "range" || op.rangeEnd !== undefined) return await kv.execute(op, call);
        const name = utf8(op.key);
        const kept = cache.get(name);
        if (kept !== undefined && kept.until > nowMs()) return kept.answer as ResultOf<typeof op>;
        const answer = await kv.execute(op, call);
        cache.set(name, { answer: answer as RangeResult, until: nowMs() + 500 });
        return answer;
      },
    });
  }

  it("finds stale reads where a cache goes by time instead of leases", async () => {
    const workload = new Workload(uniqueKey());
    await using first = shared.connect();
    await using second = shared.connect();
    const [cached, plain] = [hopefully(createKv(first)), createKv(second)];
    const working = [workload.read(cached), workload.read(plain), workload.write(plain, 10)];
    await delay(1_500);
    workload.stop();
    await Promise.all(working);
    const verdict = await verdictOf(shared, workload, plain);
    console.info(
      `leasing consistency, control without leases (etcd ${etcd.version}): stale ${verdict.stale}`,
    );
    expect(verdict).toMatchObject({ wrong: 0, lost: 0, doubled: 0 });
    expect(verdict.stale).toBeGreaterThan(0);
  });

  it("finds nothing in a sound history, and each fault that is put into it", async () => {
    const workload = new Workload(uniqueKey());
    await using connection = shared.connect();
    const kv = createKv(connection);
    const working = [workload.read(kv), workload.write(kv, 5), workload.write(kv, 5)];
    await delay(500);
    while (readsOfKnown(workload.history).length < 50) await delay(10);
    workload.stop();
    await Promise.all(working);
    expect(await verdictOf(shared, workload, kv)).toEqual(sound);
    const reads = readsOfKnown(workload.history);
    const at = reads[reads.length >> 1] ?? 0;
    const read = workload.history[at];
    const write = workload.history.find((one) => one.kind === "write" && one.value !== undefined);
    if (read?.kind !== "read" || write?.kind !== "write") throw new Error("expected a read and a write");
    const withFault = async (fault: Observation, place = at): Promise<unknown> => {
      const faulty = new Workload(workload.keys[0]?.slice(0, -1) ?? "");
      faulty.history.push(...workload.history);
      faulty.history[place] = fault;
      return await verdictOf(shared, faulty, kv);
    };
    expect(await withFault({ ...read, revision: 1n, modRevision: 0n, value: undefined })).toMatchObject({
      stale: 1,
    });
    expect(await withFault({ ...read, value: "another" })).toMatchObject({ wrong: 1 });
    expect(await withFault({ ...read, modRevision: 1n })).toMatchObject({ wrong: 1 });
    const place = workload.history.indexOf(write);
    expect(await withFault({ ...write, value: "never written" }, place)).toMatchObject({ lost: 1 });
    await kv.put(write.key, write.value ?? "");
    expect(await verdictOf(shared, workload, kv)).toMatchObject({ doubled: 1 });
  });
});
