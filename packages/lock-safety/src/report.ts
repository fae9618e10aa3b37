import { toldWithinMs } from "./faults.js";
import type { Recording } from "./run.js";
import { type Figures, figuresOf } from "./verdict.js";

/** What a run comes to. */
export interface Report {
  readonly lines: readonly string[];
  /** Why the run has failed; empty when it has not. */
  readonly failures: readonly string[];
}

/** How much must happen, per minute and kind, for a run to say anything. */
const fewestAcquisitionsPerMinute = 5;
const fewestPausesPerMinute = 2;

/** Judges a run. */
export function reportOf(recording: Recording, minutes: number): Report {
  const { truth, holds, revoked, pausesFromUs, faults, writes, fenced, givenUp, sessions, problems } =
    recording;
  const revokedTokens = new Set(revoked.keys());
  // Servers extend every lease when they change their leader, so a dead process may be waited for several times over.
  const orphanedMs = (inPauses: boolean): number => {
    const reigns = truth.reigns.filter(({ sinceUs }) => sinceUs >= pausesFromUs === inPauses);
    return longest(figuresOf({ ...truth, reigns }, holds, revokedTokens), ({ orphanMs }) => orphanMs);
  };
  const calm = figuresOf(
    truth,
    holds.filter(({ acquiredUs }) => acquiredUs < pausesFromUs),
    revokedTokens,
  );
  const whole = figuresOf(truth, holds, revokedTokens);
  const longest = (figures: readonly Figures[], of: (figure: Figures) => number): number =>
    Math.max(...figures.map(of));
  const total = (of: (figure: Figures) => number): number =>
    whole.reduce((sum, figure) => sum + of(figure), 0);
  const toldMs = [...timesToTell(recording)].sort((a, b) => a - b);
  const pauses = (faults.get("pause") ?? 0) + (faults.get("pause before a write") ?? 0);
  const violations = total(violationsOf);
  const phantoms = total((figure) => figure.phantoms);
  // What a busy machine pauses is paused as well.
  const withoutPauses = longest(calm, ({ promptOverlapMs }) => promptOverlapMs);
  const withPauses = longest(whole, ({ actionOverlapMs }) => actionOverlapMs);

  const lines = [
    `faults: ${[...faults]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}`,
    ...whole.map((figures, index) => describe(figures, calm[index]?.promptOverlapMs ?? 0)),
    `sessions ${sessions}, attempts given up ${givenUp}, writes refused: guarded ${writes.guarded.refused}, compared ` +
      `${writes.compared.refused}; fenced writes ${fenced.accepted} (refused ${fenced.refused}), ` +
      `leases revoked ${toldMs.length}, told after ${ms(Math.max(0, ...toldMs))}`,
    `longest time in which the first in the queue did not know ${ms(orphanedMs(false))} without / ${ms(orphanedMs(true))} with pauses`,
    `acquisitions ${total((figure) => figure.acquisitions)}, guarded violations ${violations}, longest belief overlap ` +
      `${ms(withoutPauses)} without / ${ms(withPauses)} with pauses, control (unguarded) violations ` +
      `${total((figure) => figure.violations.control)}, phantom ${phantoms}`,
  ];

  const failures = [...problems];
  const demand = (holdsTrue: boolean, failure: string): void => {
    if (!holdsTrue) failures.push(failure);
  };
  demand(violations === 0, "guarded documents were written by somebody who did not hold");
  demand(phantoms === 0, "somebody was told to hold who did not");
  demand(withoutPauses === 0, "two have acted at once though nobody was paused");
  for (const figures of whole) {
    const { kind, acquisitions, shared, beliefAfterEndMs, writes: written, sharedWrites } = figures;
    demand(figures.overlapMs === 0, `${kind}: isHeld() said yes to two at once`);
    demand(
      figures.promptOverlapMs === 0,
      `${kind}: an action that began at once after isHeld() had agreed met another's`,
    );
    demand(
      beliefAfterEndMs === 0,
      `${kind}: isHeld() said yes ${ms(beliefAfterEndMs)} after the key was gone`,
    );
    demand(figures.outOfOrder === 0, `${kind}: the order of the queue was not kept`);
    const alone = acquisitions - shared;
    const fewest = minutes * fewestAcquisitionsPerMinute;
    demand(alone >= fewest, `${kind}: too few acquisitions to say anything`);
    demand(
      Math.min(written.guarded - sharedWrites.guarded, written.compared - sharedWrites.compared) >= fewest,
      `${kind}: too few guarded writes to say anything`,
    );
    demand(
      figures.violations.control > 0,
      `${kind}: the unprotected document shows no violation: the run has not shown that it can`,
    );
    if (kind !== "rw-lock") continue;
    demand(figures.mostTogether > 1, `${kind}: no readers have held together`);
    demand(
      Math.min(shared, sharedWrites.guarded, sharedWrites.compared) >= fewest,
      `${kind}: too few readers to say anything`,
    );
  }
  demand(
    toldMs.length > 0,
    "nobody who held was told that its lease was revoked: the run has not shown that they are",
  );
  demand(
    (toldMs[Math.floor((toldMs.length - 1) / 2)] ?? 0) <= toldWithinMs,
    "holders were told too late that their lease was revoked",
  );
  demand(pauses >= minutes * fewestPausesPerMinute, "too few pauses to say anything");
  for (const protection of ["guarded", "compared"] as const) {
    demand(
      writes[protection].refused > 0,
      `no ${protection} write was refused to those who did not hold: the run has not shown that it can be`,
    );
  }
  return { lines, failures };
}

/** One line of a kind. */
function describe(figures: Figures, overlapWithoutPausesMs: number): string {
  const { kind, acquisitions, shared, mostTogether, outOfOrder, overlapMs, writes, violations } = figures;
  const among = kind === "rw-lock" ? ` (readers ${shared}, at once ${mostTogether})` : "";
  const beside = kind === "rw-lock" ? "a writer beside anybody" : "two at once";
  return (
    `${kind}: acquisitions ${acquisitions}${among}, out of order ${outOfOrder}, ${beside}: by isHeld() ${ms(overlapMs)}, ` +
    `acting ${ms(overlapWithoutPausesMs)} without / ${ms(figures.actionOverlapMs)} with pauses, ` +
    `guarded writes ${writes.guarded + writes.compared} (violations ${violationsOf(figures)}), control violations ${violations.control}`
  );
}

function violationsOf({ violations: { guarded, compared } }: Figures): number {
  return guarded + compared;
}

/** How long holders of leases that were revoked from outside took to know. */
function timesToTell({ holds, revoked }: Recording): readonly number[] {
  return holds.flatMap(({ token, heldUs, lostUs }) => {
    const revokedUs = revoked.get(token);
    if (revokedUs === undefined) return [];
    // Who was never told believed at least until then, or had given back before.
    const toldUs = lostUs ?? heldUs ?? 0;
    return lostUs === undefined && toldUs <= revokedUs ? [] : Math.max(0, toldUs - revokedUs) / 1_000;
  });
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
