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
/** Half of the holders whose lease was revoked, and whose links work, are to know of it so soon: a busy machine may be late. */
const toldWithinMs = 1_000;

/** Judges a run. */
export function reportOf(recording: Recording, minutes: number): Report {
  const { truth, holds, revoked, pausesFromUs, faults, writes, fenced, givenUp, sessions, problems } =
    recording;
  const revokedIds = new Set(revoked.keys());
  // Servers extend every lease when they change their leader, so a dead process may be waited for several times over.
  const orphanedMs = (inPauses: boolean): number => {
    const reigns = truth.reigns.filter(({ sinceUs }) => sinceUs >= pausesFromUs === inPauses);
    return longest(figuresOf({ ...truth, reigns }, holds, revokedIds), ({ orphanMs }) => orphanMs);
  };
  const calm = figuresOf(
    truth,
    holds.filter(({ acquiredUs }) => acquiredUs < pausesFromUs),
    revokedIds,
  );
  const paused = figuresOf(
    truth,
    holds.filter(({ acquiredUs }) => acquiredUs >= pausesFromUs),
    revokedIds,
  );
  const whole = figuresOf(truth, holds, revokedIds);
  const longest = (figures: readonly Figures[], of: (figure: Figures) => number): number =>
    Math.max(...figures.map(of));
  const total = (of: (figure: Figures) => number): number =>
    whole.reduce((sum, figure) => sum + of(figure), 0);
  const toldMs = [...timesToTell(recording)].sort((a, b) => a - b);
  const pauses = (faults.get("pause") ?? 0) + (faults.get("pause before a write") ?? 0);
  const refused = writes.guarded.refused + writes.compared.refused;
  const violations = total(({ violations: { guarded, compared } }) => guarded + compared);
  const control = total((figure) => figure.violations.control);
  const phantoms = total((figure) => figure.phantoms);
  // What a busy machine pauses is paused as well.
  const withoutPauses = longest(calm, ({ promptOverlapMs }) => promptOverlapMs);
  const withPauses = longest([...calm, ...paused], ({ actionOverlapMs }) => actionOverlapMs);

  const lines = [
    `faults: ${[...faults]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}`,
    ...whole.map(
      ({ kind, acquisitions, outOfOrder, overlapMs, writes: written }) =>
        `${kind}: acquisitions ${acquisitions}, out of order ${outOfOrder}, overlap of isHeld() ${ms(overlapMs)}, ` +
        `guarded writes ${written.guarded + written.compared}`,
    ),
    `sessions ${sessions}, attempts given up ${givenUp}, writes refused ${refused}, fenced writes ${fenced.accepted} (refused ${fenced.refused}), ` +
      `leases revoked ${toldMs.length}, told after ${ms(Math.max(0, ...toldMs))}`,
    `longest time in which the first in the queue did not know ${ms(orphanedMs(false))} without / ${ms(orphanedMs(true))} with pauses`,
    `acquisitions ${total((figure) => figure.acquisitions)}, guarded violations ${violations}, longest belief overlap ` +
      `${ms(withoutPauses)} without / ${ms(withPauses)} with pauses, control (unguarded) violations ${control}, phantom ${phantoms}`,
  ];

  const failures = [...problems];
  const demand = (holdsTrue: boolean, failure: string): void => {
    if (!holdsTrue) failures.push(failure);
  };
  demand(violations === 0, "guarded documents were written by somebody who did not hold");
  demand(phantoms === 0, "somebody was told to hold who did not");
  demand(withoutPauses === 0, "two have acted at once though nobody was paused");
  for (const { kind, acquisitions, outOfOrder, overlapMs, promptOverlapMs, beliefAfterEndMs } of whole) {
    demand(overlapMs === 0, `${kind}: isHeld() said yes to two at once`);
    demand(
      promptOverlapMs === 0,
      `${kind}: an action that began at once after isHeld() had agreed met another's`,
    );
    demand(
      beliefAfterEndMs === 0,
      `${kind}: isHeld() said yes ${ms(beliefAfterEndMs)} after the key was gone`,
    );
    demand(outOfOrder === 0, `${kind}: the order of the queue was not kept`);
    demand(
      acquisitions >= minutes * fewestAcquisitionsPerMinute,
      `${kind}: too few acquisitions to say anything`,
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
  demand(control > 0, "the unprotected document shows no violation: the run has not shown that it can");
  demand(refused > 0, "nothing was refused to those who did not hold: the run has not shown that it can be");
  return { lines, failures };
}

/** How long holders of leases that were revoked from outside took to know. */
function timesToTell({ holds, revoked }: Recording): readonly number[] {
  return holds.flatMap(({ leaseId, acquiredUs, heldUs, lostUs }) => {
    const revokedUs = revoked.get(leaseId);
    if (revokedUs === undefined || acquiredUs > revokedUs) return [];
    // Who was never told believed at least until then, or had given back before.
    const toldUs = lostUs ?? heldUs ?? 0;
    return lostUs === undefined && toldUs <= revokedUs ? [] : Math.max(0, toldUs - revokedUs) / 1_000;
  });
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
