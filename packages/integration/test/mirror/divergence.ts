import { type Event, isDelete, utf8 } from "@etcdkit/core";
import type { Journal } from "../watch/journal.js";

/** How what a mirror made of a destination differs from its source; all but `moments` are zero when it does not. */
export interface Divergence {
  /** Revisions of the destination that were compared: all at which a mirror claims to be at a revision of the source. */
  readonly moments: number;
  /** Of these, those at which the destination was something else than the source at that revision. */
  readonly diverged: number;
  /** Revisions of the source, after the base, that the destination never was at. */
  readonly skipped: number;
  /** Revisions of the source that were applied again. */
  readonly repeated: number;
}

/** Where the keys lie that are compared. */
export interface Places {
  readonly prefix: string;
  readonly destinationPrefix: string;
  readonly checkpointKey: string;
}

/** What a mirror keeps in its checkpoint, as far as it is compared. */
interface Place {
  readonly checkpoint?: { readonly revision: string };
  readonly part?: Part;
}

interface Part {
  readonly revision: string;
  readonly writes: number;
}

/**
 * Replays the journals of both sides and compares them at every revision of the destination. The checkpoint, which the mirror
 * writes in each of its transactions, tells with which revision of the source.
 */
export function divergenceOf(source: Journal, destination: Journal, places: Places): Divergence {
  const { prefix, destinationPrefix, checkpointKey } = places;
  const [truth, copy] = [new Map<string, string>(), new Map<string, string>()];
  const revisions = byRevision(source);
  let position = 0;
  let last: bigint | undefined;
  let partly: Part | undefined;
  let [moments, diverged, skipped, repeated] = [0, 0, 0, 0];
  for (const { events } of byRevision(destination)) {
    const mirrored = events.filter(({ kv }) => kv !== undefined && utf8(kv.key) !== checkpointKey);
    for (const event of mirrored) apply(copy, event, destinationPrefix);
    const checkpoint = events.find(({ kv }) => kv !== undefined && utf8(kv.key) === checkpointKey)?.kv?.value;
    if (checkpoint === undefined) {
      // Nobody else writes here: a change without a checkpoint is a change that is not of the mirror's transactions.
      diverged += 1;
      continue;
    }
    const place = JSON.parse(utf8(checkpoint)) as Place;
    if (place.checkpoint === undefined) {
      last = undefined;
      continue;
    }
    // In the middle of a revision that takes several transactions, the destination is at none.
    const { part } = place;
    if (part !== undefined) {
      const again = part.revision === partly?.revision && part.writes <= partly.writes;
      if (again && mirrored.length > 0) repeated += 1;
      partly = part;
      continue;
    }
    partly = undefined;
    const revision = BigInt(place.checkpoint.revision);
    let passed = 0;
    for (
      let one = revisions[position];
      one !== undefined && one.revision <= revision;
      one = revisions[position]
    ) {
      for (const event of one.events) apply(truth, event, prefix);
      position += 1;
      passed += 1;
    }
    if (last !== undefined) {
      if (passed > 1) skipped += passed - 1;
      if (mirrored.length > 0 && revision <= last) repeated += 1;
    }
    last = revision;
    moments += 1;
    if (!areEqual(truth, copy)) diverged += 1;
  }
  return { moments, diverged, skipped, repeated };
}

function byRevision(journal: Journal): { readonly revision: bigint; readonly events: readonly Event[] }[] {
  const groups = new Map<bigint, Event[]>();
  for (const event of journal) {
    const revision = event.kv?.modRevision ?? 0n;
    const group = groups.get(revision);
    if (group === undefined) groups.set(revision, [event]);
    else group.push(event);
  }
  return [...groups].map(([revision, events]) => ({ revision, events }));
}

function apply(pairs: Map<string, string>, event: Event, prefix: string): void {
  if (event.kv === undefined) throw new Error("an event without a key");
  const key = utf8(event.kv.key);
  if (!key.startsWith(prefix)) throw new Error("a key without its prefix");
  if (isDelete(event)) pairs.delete(key.slice(prefix.length));
  else pairs.set(key.slice(prefix.length), utf8(event.kv.value));
}

function areEqual(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
