import type { DocumentWrite, Truth } from "./journal.js";
import { type Hold, type Kind, kinds, type Protection } from "./messages.js";

/** What a run has shown of one kind, times in milliseconds. */
export interface Figures {
  readonly kind: Kind;
  readonly acquisitions: number;
  /** Those of readers. */
  readonly shared: number;
  /** How many readers believed to hold at once, at most. */
  readonly mostTogether: number;
  /** Holds of a key that never owned, or was gone already when the holder was told. */
  readonly phantoms: number;
  /** Holds that were handed out in another order than that of the queue, where they do not share. */
  readonly outOfOrder: number;
  /** The longest time in which `isHeld()` of two holders that do not share said yes. */
  readonly overlapMs: number;
  /** The longest time from an action's being started by one holder, which `isHeld()` had agreed to, back to when another held. */
  readonly actionOverlapMs: number;
  /** The same of actions that began at once: see {@link promptMs}. */
  readonly promptOverlapMs: number;
  /** The longest time in which `isHeld()` said yes though the key was seen to be gone. */
  readonly beliefAfterEndMs: number;
  /** The longest time in which a key owned and nobody knew of it. */
  readonly orphanMs: number;
  /** Writes of those who did not own the lock, or over what they had not read, or after it was written anew. */
  readonly violations: Readonly<Record<Protection, number>>;
  readonly writes: Readonly<Record<Protection, number>>;
  /** Those of readers among them. */
  readonly sharedWrites: Readonly<Record<Protection, number>>;
}

/**
 * An action that begins so soon after `isHeld()` has agreed cannot meet another's: a lease of two seconds, the shortest, is
 * believed in for so much less than it lives. One that begins later was paused, by us or by a machine that is busy.
 */
export const promptMs = 100;

/**
 * Compares what holders believed and did with the truth of the server.
 *
 * @param revoked - Tokens of holders whose lease was revoked from outside. They could not know of it beforehand, so the
 * figures about belief leave them out.
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
    const knowable = all.filter(({ token }) => !revoked.has(token));
    const reigned = new Set(reigns.map(({ token }) => token));
    const gone = (hold: Hold): number => truth.deletedUs.get(hold.token) ?? Number.POSITIVE_INFINITY;
    const isPhantom = (hold: Hold): boolean =>
      !reigned.has(hold.token) || (!revoked.has(hold.token) && hold.acquiredUs > gone(hold));
    const endOfAction = ({ heldUs, actedUs = 0 }: Believed): number => Math.max(heldUs, actedUs);
    const readers = all.filter(({ shared }) => shared);
    return {
      kind,
      acquisitions: all.length,
      shared: readers.length,
      mostTogether: mostAtOnce(readers),
      phantoms: all.filter(isPhantom).length,
      outOfOrder: countOutOfOrder(knowable),
      overlapMs: longestOverlapMs(knowable, ({ heldUs }) => heldUs),
      actionOverlapMs: longestOverlapMs(knowable, endOfAction),
      promptOverlapMs: longestOverlapMs(knowable, (hold) =>
        isPrompt(hold) ? endOfAction(hold) : hold.heldUs,
      ),
      beliefAfterEndMs: longest(knowable.map((hold) => (hold.heldUs - gone(hold)) / 1_000)),
      orphanMs: longestOrphanMs(reigns, new Map(all.map((hold) => [hold.token, hold.acquiredUs]))),
      violations: countEach(writes.filter(isViolation)),
      writes: countEach(writes),
      sharedWrites: countEach(writes.filter(({ shared }) => shared)),
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
  const latestEnd = { shared: Number.NEGATIVE_INFINITY, alone: Number.NEGATIVE_INFINITY };
  let longest = 0;
  for (const hold of holds) {
    const othersEnd = hold.shared ? latestEnd.alone : Math.max(latestEnd.alone, latestEnd.shared);
    longest = Math.max(longest, Math.min(othersEnd, endOf(hold)) - hold.acquiredUs);
    const side = hold.shared ? "shared" : "alone";
    latestEnd[side] = Math.max(latestEnd[side], endOf(hold));
  }
  return longest / 1_000;
}

/** @param holds - Sorted by their beginnings. */
function countOutOfOrder(holds: readonly Hold[]): number {
  const greatest = { shared: 0n, alone: 0n };
  let count = 0;
  for (const { shared, token: text } of holds) {
    const token = BigInt(text);
    if (token <= greatest.alone || (!shared && token <= greatest.shared)) count += 1;
    const side = shared ? "shared" : "alone";
    if (token > greatest[side]) greatest[side] = token;
  }
  return count;
}

/** @param holds - Sorted by their beginnings. */
function mostAtOnce(holds: readonly Believed[]): number {
  let [most, together]: [number, readonly Believed[]] = [0, []];
  for (const hold of holds) {
    together = [...together.filter(({ heldUs }) => heldUs >= hold.acquiredUs), hold];
    most = Math.max(most, together.length);
  }
  return most;
}

function longestOrphanMs(reigns: Truth["reigns"], acquiredUs: ReadonlyMap<string, number>): number {
  const orphaned = reigns.flatMap(({ token, sinceUs, untilUs }) => {
    const end = acquiredUs.get(token) ?? untilUs;
    return end === undefined ? [] : Math.max(0, end - sinceUs);
  });
  return longest(orphaned) / 1_000;
}

/** Long runs have more than can be spread into arguments. */
function longest(times: readonly number[]): number {
  return times.reduce((most, time) => Math.max(most, time), 0);
}

function isViolation({ owned, after, before }: DocumentWrite): boolean {
  return !owned || after !== before;
}

function countEach(writes: readonly DocumentWrite[]): Record<Protection, number> {
  const counts = { guarded: 0, compared: 0, control: 0 };
  for (const { protection } of writes) counts[protection] += 1;
  return counts;
}
