import { setTimeout as delay } from "node:timers/promises";
import { compareVersions, type EtcdCluster } from "@etcdkit/testing";
import type { Chance } from "./chance.js";
import { nowUs } from "./clock.js";
import type { Contender } from "./contenders.js";
import type { Administration } from "./leaders.js";
import { type Kind, kinds, type Writer } from "./messages.js";
import type { JournalWatch } from "./watch-journal.js";

/** Who holds, as its process has told. */
export interface Holder {
  readonly worker: number;
  readonly kind: Kind;
  readonly ttlSeconds: number;
}

/** What faults are done to. */
export interface Rig {
  readonly contenders: readonly Contender[];
  readonly cluster: EtcdCluster;
  readonly administration: Administration;
  readonly journal: Pick<JournalWatch, "gone">;
  /** By their tokens. */
  readonly holders: ReadonlyMap<string, Holder>;
  readonly chance: Chance;
  readonly revoked: Map<string, number | undefined>;
}

/** By the tokens of holders whose lease was revoked: when it was gone, on the shared clock; undefined where that is not known. */
export type Revocations = ReadonlyMap<string, number | undefined>;

/** How often each fault was done. */
export type FaultCounts = Map<string, number>;

interface Target {
  readonly contender: Contender;
  readonly kind: Kind;
  /** Of the session that holds, where the target holds: the fault is to outlast it, or not quite. */
  readonly ttlMs: number;
  readonly holds: boolean;
}

type Fault = (target: Target, rig: Rig) => Promise<void>;

/** What happens to links. A holder can see it coming. */
const cuts: Readonly<Record<string, Fault>> = {
  cut: async ({ contender }) => {
    for (const bridge of contender.bridges) bridge.cut();
  },
  "cut again and again": async ({ contender }, { chance }) => {
    for (let times = 0; times < 4; times++) {
      for (const bridge of contender.bridges) bridge.cut();
      await delay(chance.between(20, 200));
    }
  },
  "black hole": async ({ contender, ttlMs }, { chance }) => {
    await Promise.all(contender.bridges.map((bridge) => bridge.blackhole()));
    await delay(ttlMs * chance.between(0.3, 1.6));
    await Promise.all(contender.bridges.map((bridge) => bridge.pass()));
  },
  "lost answers": async ({ contender, ttlMs }, { chance }) => {
    await Promise.all(contender.bridges.map((bridge) => bridge.blackhole("toClient")));
    await delay(ttlMs * chance.between(0.3, 1.3));
    for (const bridge of contender.bridges) bridge.cut();
    await Promise.all(contender.bridges.map((bridge) => bridge.pass()));
  },
  refusal: async ({ contender, ttlMs }, { chance }) => {
    await Promise.all(contender.bridges.map((bridge) => bridge.refuse()));
    for (const bridge of contender.bridges) bridge.cut();
    await delay(ttlMs * chance.between(0.2, 1.4));
    await Promise.all(contender.bridges.map((bridge) => bridge.pass()));
  },
};

/** What happens to a process: it learns of it afterwards. */
const pauses: Readonly<Record<string, Fault>> = {
  pause: async ({ contender, ttlMs }, { chance }) => {
    contender.pause();
    await delay(ttlMs + chance.between(1_200, 4_000));
    contender.resume();
  },
  "short pause": async ({ contender }, { chance }) => {
    contender.pause();
    await delay(chance.between(100, 1_000));
    contender.resume();
  },
  stall: async ({ contender, ttlMs }, { chance }) => {
    const ms = chance.between(0.3, 1.5) * ttlMs;
    contender.send({ type: "stall", ms });
    await delay(ms + 100);
  },
};

const contenderFaults: Readonly<Record<string, Fault>> = { ...cuts, ...pauses };

/** What happens to somebody who has asked whether he holds, and is about to write. Resolves with whether it came to pass. */
type WriterFault = (writer: Writer, contender: Contender, rig: Rig) => Promise<boolean>;

/** Holders whose lease was revoked, and whose links work, are to know of it so soon: a busy machine may be late. */
export const toldWithinMs = 2_000;

/** No lease outlives its process for longer, though each change of leaders prolongs it. */
const longestLeaseMs = 30_000;

const writerFaults = {
  /** Here the write comes too late for certain, whatever else the run brings about. */
  "pause before a write": async ({ token }, contender, { journal }) => {
    contender.pause();
    const late = await journal.gone(token, longestLeaseMs);
    contender.resume();
    return late;
  },
  /** Here it is sent in time, and arrives too late for certain: who holds cannot see to that, only the server. */
  "write held back": async ({ token }, contender, { journal }) => {
    await Promise.all(contender.bridges.map((bridge) => bridge.blackhole("toServer")));
    contender.letWrite();
    const late = await journal.gone(token, longestLeaseMs);
    await Promise.all(contender.bridges.map((bridge) => bridge.pass()));
    return late;
  },
  /** Ends the lease of a holder, who is to be told at once: so nothing else may be wrong then. */
  revocation: async ({ token, leaseId }, _, { administration, revoked }) => {
    const done = await administration.revoke(leaseId);
    revoked.set(token, done ? nowUs() : undefined);
    // Who holds waits, and would still hold: who is never told is told too late.
    await delay(toldWithinMs + 500);
    return done;
  },
} satisfies Record<string, WriterFault>;
type WriterFaultName = keyof typeof writerFaults;

/** A fault that is still to be done, to somebody who holds this. */
interface Owed {
  readonly name: WriterFaultName;
  readonly kind: Kind;
}

function isOfWriter(name: string): name is WriterFaultName {
  return name in writerFaults;
}

/** Who holds writes within a fraction of this. */
const writesWithinMs = 3_000;

/** How much longer a busy machine gets for faults that the verdict cannot do without. */
const graceMs = 20_000;

/** Whether it came to pass. */
async function atWrite(fault: WriterFault, { contender, kind }: Target, rig: Rig): Promise<boolean> {
  const writer = await contender.holdWrite(kind, writesWithinMs);
  try {
    return writer !== undefined && (await fault(writer, contender, rig));
  } finally {
    contender.letWrite();
  }
}

const leaderFaultNames = ["leader moved", "leader paused"] as const;

/** Each resolves with whether it came to pass. */
const leaderFaults: Readonly<Record<(typeof leaderFaultNames)[number], (rig: Rig) => Promise<boolean>>> = {
  "leader moved": ({ administration }) => administration.moveLeader(),
  "leader paused": async ({ administration, chance }) => {
    const leader = await administration.leader();
    if (leader === undefined) return false;
    await leader.pause();
    try {
      await delay(chance.between(500, 2_500));
    } finally {
      leader.resume();
    }
    return true;
  },
};

/**
 * Whether a leader that was paused leaves leases alone which another one has kept alive since. Before 3.4.31 and 3.5.13 it
 * revokes them, and no client can know (etcd-io/etcd#15247).
 */
export function canPauseLeaders(version: string): boolean {
  return compareVersions(version, version.startsWith("3.4.") ? "3.4.31" : "3.5.13") >= 0;
}

/** After what links need to be mended when they were broken. */
const settledMs = 5_000;

/** Keeps time in which nothing is wrong with a contender and the cluster. */
class Calm {
  readonly #disturbedMs = new Map<number | "cluster", number>();
  #kept: Promise<unknown> = Promise.resolve();

  around(worker: number): boolean {
    const since = (what: number | "cluster"): number =>
      performance.now() - (this.#disturbedMs.get(what) ?? Number.NEGATIVE_INFINITY);
    return Math.min(since(worker), since("cluster")) > settledMs;
  }

  async disturb<T>(what: number | "cluster", fault: () => Promise<T>): Promise<T> {
    if (what === "cluster") await this.#kept;
    this.#disturbedMs.set(what, Number.POSITIVE_INFINITY);
    const done = await fault();
    this.#disturbedMs.set(what, performance.now());
    return done;
  }

  /** Lets the cluster be until something is done. */
  async keep<T>(task: () => Promise<T>): Promise<T> {
    const done = task();
    this.#kept = Promise.all([this.#kept, done]);
    return await done;
  }
}

/**
 * Does faults, two to contenders and one to the cluster at a time, for so long. All are undone in the end.
 *
 * Each half begins with those that the verdict cannot do without: what is left to chance may leave them out.
 */
export async function disturb(
  rig: Rig,
  forMs: number,
  withPauses: boolean,
  done: FaultCounts,
): Promise<void> {
  const { chance, contenders, cluster } = rig;
  const until = performance.now() + forMs;
  const busy = new Set<number>();
  const calm = new Calm();
  const owed: Owed[] = (
    withPauses ? (["pause before a write", "write held back"] as const) : (["revocation"] as const)
  ).flatMap((name) => kinds.map((kind) => ({ name, kind })));

  const count = (name: string): void => void done.set(name, (done.get(name) ?? 0) + 1);

  /** Whether it came to pass. */
  function disturbContender(name: string, target: Target): Promise<boolean> {
    const { contender } = target;
    return calm.disturb(contender.worker, async () => {
      if (isOfWriter(name)) return await calm.keep(() => atWrite(writerFaults[name], target, rig));
      await contenderFaults[name]?.(target, rig);
      return true;
    });
  }

  async function disturbContenders(): Promise<void> {
    while (true) {
      const isOver = performance.now() >= until;
      if (isOver && (owed.length === 0 || performance.now() >= until + graceMs)) return;
      const first = owed.shift();
      const target = await choose(rig, busy, first?.kind ?? chance.oneOf(kinds));
      const { worker } = target.contender;
      if (busy.has(worker)) {
        if (first !== undefined) owed.push(first);
      } else {
        const name = first?.name ?? draw(chance, withPauses, target.holds && calm.around(worker));
        busy.add(worker);
        if (await disturbContender(name, target)) count(name);
        else if (first !== undefined) owed.push(first);
        busy.delete(worker);
      }
      await delay(chance.between(100, withPauses ? 400 : 1_000));
    }
  }

  async function disturbCluster(): Promise<void> {
    const names = canPauseLeaders(cluster.version) ? leaderFaultNames : (["leader moved"] as const);
    while (performance.now() < until) {
      await delay(Math.min(chance.between(5_000, 14_000), until - performance.now()));
      if (performance.now() >= until) return;
      const name = chance.oneOf(names);
      if (await calm.disturb("cluster", () => leaderFaults[name](rig))) count(name);
    }
  }

  try {
    await Promise.all([disturbContenders(), ...(withPauses ? [disturbContenders()] : []), disturbCluster()]);
  } finally {
    for (const contender of contenders) contender.resume();
  }
}

/** Draws a fault for a contender. */
function draw(chance: Chance, withPauses: boolean, revocable: boolean): string {
  if (!withPauses || chance.happens(0.25)) return chance.oneOf(Object.keys(cuts));
  if (revocable && chance.happens(0.3)) return "revocation";
  // Half of the rest are long pauses: they show most.
  return chance.happens(0.4) ? "pause" : chance.oneOf(Object.keys(pauses));
}

/** Holders above all, some time after they have acquired: what happens to those that wait shows less. */
async function choose(
  { chance, contenders, holders }: Rig,
  busy: ReadonlySet<number>,
  kind: Kind,
): Promise<Target> {
  for (let tries = 0; tries < 100 && chance.happens(0.98); tries++) {
    await delay(chance.between(5, 100));
    const candidates = [...holders.values()].filter((one) => one.kind === kind && !busy.has(one.worker));
    if (candidates.length === 0) continue;
    const { worker, ttlSeconds } = chance.oneOf(candidates);
    const contender = contenders.find((one) => one.worker === worker);
    if (contender !== undefined) return { contender, kind, ttlMs: ttlSeconds * 1_000, holds: true };
  }
  return { contender: chance.oneOf(contenders), kind, ttlMs: 3_000, holds: false };
}
