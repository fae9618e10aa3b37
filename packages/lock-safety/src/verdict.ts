import type { Truth } from "./journal.js";
import { type Hold, type Kind, kinds, type Protection } from "./messages.js";

/** What a run has shown of one kind, times in milliseconds. */
export interface Figures {
  readonly kind: Kind;
  readonly acquisitions: number;
  /** Holds of a key that was never the oldest, or was gone already when the holder was told. */
  readonly phantoms: number;
  /** Holds that were handed out in another order than that of the queue. */
  readonly outOfOrder: number;
  /** The longest time in which `isHeld()` of two holders said yes. */
  readonly overlapMs: number;
  /** The longest time from an action's being started by one holder, which `isHeld()` had agreed to, back to when another held. */
  readonly actionOverlapMs: number;
  /** The same of actions that began at once: see {@link promptMs}. */
  readonly promptOverlapMs: number;
  /** The longest time in which `isHeld()` said yes though the key was seen to be gone. */
  readonly beliefAfterEndMs: number;
  /** The longest time in which the oldest key was nobody's who knew of it. */
  readonly orphanMs: number;
  /** Writes of those who did not own the lock, or over what they had not read. */
  readonly violations: Readonly<Record<Protection, number>>;
  readonly writes: Readonly<Record<Protection, number>>;
}

/**
 * An action that begins so soon after `isHeld()` has agreed cannot meet another's: a lease of two seconds, the shortest, is
 * believed in for so much less than it lives. One that begins later was paused, by us or by a machine that is busy.
 */
export const promptMs = 100;

/**
 * Compares what holders believed and did with the truth of the server.
 *
 * @param revoked - Leases that were revoked from outside. Their holders could not know of it beforehand, so the figures
 * about belief leave them out.
 */
export function figuresOf(
  truth: Truth,
  holds: readonly Hold[],
  revoked: ReadonlySet<string>,
): readonly Figures[] {
  return kinds.map((kind) => {
    const reigns = truth.reigns.filter((reign) => reign.kind === kind);
    const writes = truth.writes.filter((write) => write.kind === kind);
    const all = believed(holds.filter((hold) => hold.kind === kind)).sort(
      (a, b) => a.acquiredUs - b.acquiredUs,
    );
    const knowable = all.filter(({ leaseId }) => !revoked.has(leaseId));
    const reigned = new Set(reigns.map(({ token }) => token));
    const gone = (hold: Hold): number => truth.deletedUs.get(hold.token) ?? Number.POSITIVE_INFINITY;
    const isPhantom = (hold: Hold): boolean =>
      !reigned.has(hold.token) || (!revoked.has(hold.leaseId) && hold.acquiredUs > gone(hold));
    const of = (protection: Protection) => writes.filter((write) => write.protection === protection);
    return {
      kind,
      acquisitions: all.length,
      phantoms: all.filter(isPhantom).length,
      outOfOrder: knowable.filter((hold, i) => BigInt(hold.token) <= BigInt(knowable[i - 1]?.token ?? 0))
        .length,
      overlapMs: longestOverlapMs(knowable, ({ heldUs }) => heldUs),
      actionOverlapMs: longestOverlapMs(knowable, ({ heldUs, actedUs = 0 }) => Math.max(heldUs, actedUs)),
      promptOverlapMs: longestOverlapMs(knowable, (hold) =>
        isPrompt(hold) ? Math.max(hold.heldUs, hold.actedUs ?? 0) : hold.heldUs,
      ),
      beliefAfterEndMs: Math.max(0, ...knowable.map((hold) => (hold.heldUs - gone(hold)) / 1_000)),
      orphanMs: longestOrphanMs(reigns, new Map(all.map((hold) => [hold.token, hold.acquiredUs]))),
      violations: each((protection) => of(protection).filter(isViolation).length),
      writes: each((protection) => of(protection).length),
    };
  });
}

type Believed = Hold & { readonly heldUs: number };

function isPrompt({ agreedUs = 0, actedUs = 0 }: Hold): boolean {
  return actedUs - agreedUs <= promptMs * 1_000;
}

/** Who was never told that they hold was handed something that was lost on the way, and knew it. */
function believed(holds: readonly Hold[]): Believed[] {
  return holds.flatMap((hold) => (hold.heldUs === undefined ? [] : { ...hold, heldUs: hold.heldUs }));
}

/** @param holds - Sorted by their beginnings. */
function longestOverlapMs(holds: readonly Believed[], endOf: (hold: Believed) => number): number {
  let [longest, latestEnd] = [0, Number.NEGATIVE_INFINITY];
  for (const hold of holds) {
    longest = Math.max(longest, Math.min(latestEnd, endOf(hold)) - hold.acquiredUs);
    latestEnd = Math.max(latestEnd, endOf(hold));
  }
  return longest / 1_000;
}

function longestOrphanMs(reigns: Truth["reigns"], acquiredUs: ReadonlyMap<string, number>): number {
  const orphaned = reigns.flatMap(({ token, sinceUs, untilUs }) => {
    const end = acquiredUs.get(token) ?? untilUs;
    return end === undefined ? [] : Math.max(0, end - sinceUs);
  });
  return Math.max(0, ...orphaned) / 1_000;
}

function isViolation({ owner, writer, after, before }: Truth["writes"][number]): boolean {
  return writer !== owner || after !== before;
}

function each(count: (protection: Protection) => number): Record<Protection, number> {
  return { guarded: count("guarded"), compared: count("compared"), control: count("control") };
}
