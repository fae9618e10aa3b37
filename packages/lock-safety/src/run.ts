import { setTimeout as delay } from "node:timers/promises";
import { startEtcd } from "@etcdkit/testing";
import { createChance } from "./chance.js";
import type { Command } from "./command-line.js";
import { startContenders } from "./contenders.js";
import { disturb, type FaultCounts, type Revocations } from "./faults.js";
import { type Truth, truthOf } from "./journal.js";
import { administer } from "./leaders.js";
import type { Hold } from "./messages.js";
import { createScene, type Scene } from "./scene.js";
import { watchJournal } from "./watch-journal.js";

/** All that a run has shown. */
export interface Recording extends Pick<Scene, "writes" | "fenced" | "givenUp" | "sessions" | "problems"> {
  readonly etcdVersion: string;
  readonly truth: Truth;
  readonly holds: readonly Hold[];
  /** A time before the first pause: who had acquired before had also ended before that. */
  readonly pausesFromUs: number;
  readonly revoked: Revocations;
  readonly faults: FaultCounts;
}

/** How long processes may take to give back what they hold and to end, in the end. */
const endTimeoutMs = 30_000;

/**
 * Lets processes contend for a lock, an election and a read-write lock in a cluster of three, and disturbs them: for half of the time by cuts
 * and leader changes, for the other half by pauses as well.
 *
 * @throws what `interrupted` says, once all that was started is ended.
 */
export async function runContention(
  { seed, processes, minutes, bug }: Command,
  interrupted: AbortSignal,
): Promise<Recording> {
  const chance = createChance(seed);
  await using cluster = await startEtcd({ members: 3 });
  await using administration = administer(cluster);
  await using journal = watchJournal(cluster);
  const scene = createScene();
  await using contenders = await startContenders(cluster.endpoints, processes, chance, bug, scene.hear);
  const { holders, holds } = scene;
  const revoked = new Map<string, number | undefined>();
  const faults: FaultCounts = new Map();
  const rig = { contenders: contenders.all, cluster, administration, journal, holders, chance, revoked };
  const halfMs = (minutes * 60_000) / 2;

  const contend = async (): Promise<number> => {
    await disturb(rig, halfMs, false, faults);
    const pausesFromUs = await scene.changeOfHolders();
    await disturb(rig, halfMs, true, faults);
    for (const contender of contenders.all) contender.send({ type: "stop" });
    const ended = Promise.all(contenders.all.map((contender) => contender.ended));
    if ((await Promise.race([ended, delay(endTimeoutMs, "late", { ref: false })])) === "late")
      throw new Error(`not every process has ended within ${endTimeoutMs / 1_000} s`);
    return pausesFromUs;
  };
  interrupted.throwIfAborted();
  const interruption = new Promise<never>((_, reject) => {
    interrupted.addEventListener("abort", () => reject(interrupted.reason));
  });
  const pausesFromUs = await Promise.race([contend(), interruption]);
  const truth = truthOf(await journal.complete());
  const { writes, fenced, givenUp, sessions, problems } = scene;
  const { version: etcdVersion } = cluster;
  return {
    etcdVersion,
    truth,
    holds,
    pausesFromUs,
    revoked,
    faults,
    writes,
    fenced,
    givenUp,
    sessions,
    problems,
  };
}
