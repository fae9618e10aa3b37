import {
  compareBytes,
  type Event,
  Event_EventType,
  type KeyValue,
  utf8,
  type WatchBatch,
} from "@etcdkit/core";
import { compareWithJournal, type Differences, type Journal, none, sum } from "../journal.js";

/** What a watch was to deliver, and what it delivered. */
export interface Delivery {
  readonly title: string;
  /** The one key that it was about; `undefined`: all of the session. */
  readonly key?: string | undefined;
  /** The revision after which it was to begin; `undefined`: after the state that it delivers. */
  readonly after: bigint | undefined;
  /** Whether its events were to come with what was before. */
  readonly prevKv: boolean;
  readonly batches: readonly WatchBatch[];
}

/** {@link Differences}, and more. */
export interface Verdict extends Differences {
  /** Events with another value than in the journal, or another previous one, and pairs of a state that was never so. */
  readonly wrong: number;
  /** How many events were compared. */
  readonly events: number;
}

/** Nothing was compared. */
export const nothing: Verdict = { ...none, wrong: 0, events: 0 };

/** Adds up verdicts. */
export function total(verdicts: readonly Verdict[]): Verdict {
  return verdicts.reduce(
    (all, one) => ({ ...sum([all, one]), wrong: all.wrong + one.wrong, events: all.events + one.events }),
    nothing,
  );
}

/** Whether there is no difference. */
export function isFlawless({ events: _, ...differences }: Verdict): boolean {
  return Object.values(differences).every((count) => count === 0);
}

/** Compares what a watch delivered with the journal of its session. */
export function judge(journal: Journal, { key, after, prevKv, batches }: Delivery): Verdict {
  const own =
    key === undefined ? journal : journal.filter(({ kv }) => kv !== undefined && utf8(kv.key) === key);
  const state = after === undefined ? lastState(batches) : undefined;
  // Without a state everything is missing.
  const begin = after ?? state?.revision ?? 0n;
  const differences = compareWithJournal(own, batches, begin);
  const events = batches.flatMap((batch) => (batch.kind === "events" ? batch.events : []));
  const wrong = wrongEvents(own, events, prevKv) + (state === undefined ? 0 : wrongPairs(own, state));
  return { ...differences, wrong, events: events.length };
}

interface State {
  readonly revision: bigint;
  readonly pairs: readonly KeyValue[];
}

/** The state that a reader ends up with: pages of another revision replace those before. */
function lastState(batches: readonly WatchBatch[]): State | undefined {
  const pages = batches.flatMap((batch) => (batch.kind === "state" ? [batch] : []));
  const last = pages.at(-1);
  if (last?.last !== true) return undefined;
  const { revision } = last;
  return { revision, pairs: pages.filter((page) => page.revision === revision).flatMap(({ kvs }) => kvs) };
}

function wrongPairs(journal: Journal, { revision, pairs }: State): number {
  const expected = new Map<string, KeyValue>();
  for (const { type, kv } of journal) {
    if (kv === undefined || kv.modRevision > revision) continue;
    if (type === Event_EventType.PUT) expected.set(utf8(kv.key), kv);
    else expected.delete(utf8(kv.key));
  }
  const wrong = pairs.filter((pair) => !isSame(pair, expected.get(utf8(pair.key)))).length;
  return wrong + Math.abs(expected.size - pairs.length);
}

function wrongEvents(journal: Journal, events: readonly Event[], prevKv: boolean): number {
  const expected = new Map<
    string,
    { readonly pair: KeyValue | undefined; readonly before: KeyValue | undefined }
  >();
  const current = new Map<string, KeyValue>();
  for (const { type, kv } of journal) {
    if (kv === undefined) continue;
    const key = utf8(kv.key);
    expected.set(`${kv.modRevision} ${key}`, { pair: kv, before: current.get(key) });
    if (type === Event_EventType.PUT) current.set(key, kv);
    else current.delete(key);
  }
  return events.filter(({ kv, prevKv: before }) => {
    const right = expected.get(`${kv?.modRevision} ${utf8(kv?.key ?? new Uint8Array())}`);
    return !(isSame(kv, right?.pair) && isSame(before, prevKv ? right?.before : undefined));
  }).length;
}

function isSame(one: KeyValue | undefined, other: KeyValue | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.modRevision === other.modRevision && compareBytes(one.value, other.value) === 0;
}
