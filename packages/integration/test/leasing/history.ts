import { type Event, isDelete, utf8 } from "@etcdkit/core";

/** A read, or a write that was acknowledged or is of unknown outcome, as one program saw it. Times are of the machine's monotonic clock. */
export type Observation =
  | {
      readonly kind: "read";
      readonly key: string;
      readonly startMs: number;
      readonly endMs: number;
      /** The revision of the store that the answer says it is of. */
      readonly revision: bigint;
      /** The revision of the last write of the key; 0n: there is no such key. */
      readonly modRevision: bigint;
      readonly value: string | undefined;
    }
  | {
      readonly kind: "write";
      readonly key: string;
      readonly startMs: number;
      readonly endMs: number;
      /** Absent: nobody knows whether it has happened. */
      readonly revision: bigint | undefined;
      /** Written nowhere else; absent: a deletion. */
      readonly value: string | undefined;
    };

/** What is wrong with a history. */
export interface Verdict {
  /** Reads of an older state than one that was there, for sure, when they were called. */
  readonly stale: number;
  /** Reads of something that the key was not at the revision that they bear. */
  readonly wrong: number;
  /** Acknowledged writes that have not happened, or at another revision. */
  readonly lost: number;
  /** Values that were written twice. */
  readonly doubled: number;
}

/** Nothing. */
export const sound: Verdict = { stale: 0, wrong: 0, lost: 0, doubled: 0 };

interface Written {
  readonly revision: bigint;
  readonly value: string | undefined;
}

/**
 * Compares what programs saw with what has happened, key by key: an answer must be what the key was at the revision it bears,
 * and that revision must not be older than anything that was known of the key when the call began.
 */
export function judge(history: readonly Observation[], journal: readonly Event[]): Verdict {
  const writes = new Map<string, Written[]>();
  const times = new Map<string, number>();
  for (const event of journal) {
    const { kv } = event;
    if (kv === undefined) continue;
    const key = utf8(kv.key);
    const value = isDelete(event) ? undefined : utf8(kv.value);
    writes.set(key, [...(writes.get(key) ?? []), { revision: kv.modRevision, value }]);
    if (value !== undefined) times.set(value, (times.get(value) ?? 0) + 1);
  }
  let [stale, wrong, lost] = [0, 0, 0];
  const known = new Map<string, { readonly endMs: number; readonly revision: bigint }[]>();
  // What had returned before a call began is known to it: ends and beginnings in the order of time.
  const ends = history.toSorted((a, b) => a.endMs - b.endMs);
  let returned = 0;
  for (const one of history.toSorted((a, b) => a.startMs - b.startMs)) {
    for (let end = ends[returned]; end !== undefined && end.endMs < one.startMs; end = ends[++returned]) {
      const revision = end.kind === "read" ? end.modRevision : (end.revision ?? 0n);
      const newest = known.get(end.key)?.at(-1)?.revision ?? 0n;
      if (revision > newest) known.set(end.key, [{ endMs: end.endMs, revision }]);
    }
    const all = writes.get(one.key) ?? [];
    if (one.kind === "write") {
      const happened = all.some(({ revision, value }) => revision === one.revision && value === one.value);
      if (one.revision !== undefined && !happened) lost += 1;
      continue;
    }
    if (one.revision < (known.get(one.key)?.at(-1)?.revision ?? 0n)) stale += 1;
    const then = all.findLast(({ revision }) => revision <= one.revision);
    const expected = then?.value === undefined ? 0n : then.revision;
    if (one.modRevision !== expected || one.value !== then?.value) wrong += 1;
  }
  const doubled = [...times.values()].filter((count) => count > 1).length;
  return { stale, wrong, lost, doubled };
}
