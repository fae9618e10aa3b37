import { utf8 } from "@etcdkit/core";
import type { Journal } from "../../watch/journal.js";
import type { Execution, Read } from "./history.js";

const missing: Read = { value: undefined, modRevision: 0n };

/** What keys were at each revision, by the journal of the store. None of them is ever deleted. */
export class StoreStates {
  readonly #versions = new Map<string, Read[]>();
  readonly #writes = new Map<bigint, Map<string, string>>();

  constructor(journal: Journal) {
    for (const { kv } of journal) {
      if (kv === undefined) throw new Error("an event without a key");
      const { modRevision } = kv;
      const [key, value] = [utf8(kv.key), utf8(kv.value)];
      const versions = this.#versions.get(key) ?? [];
      this.#versions.set(key, versions);
      versions.push({ value, modRevision });
      const writes = this.#writes.get(modRevision) ?? new Map<string, string>();
      this.#writes.set(modRevision, writes.set(key, value));
    }
  }

  /** The revisions at which something was written, in order. */
  get revisions(): readonly bigint[] {
    return [...this.#writes.keys()];
  }

  /** What was written at a revision. */
  writesAt(revision: bigint): ReadonlyMap<string, string> {
    return this.#writes.get(revision) ?? new Map();
  }

  at(key: string, revision: bigint): Read {
    const versions = this.#versions.get(key) ?? [];
    let [low, high] = [0, versions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((versions[middle]?.modRevision ?? 0n) <= revision) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1] ?? missing;
  }
}

/**
 * Compares committed transactions with the store: what they read must be what was there just before their writes, or at the
 * revision of the answer where they wrote nothing, and what was written at that revision must be their writes and no others.
 *
 * @returns What does not fit, in words; empty when all does.
 */
export function misfits(executions: readonly Execution[], states: StoreStates): readonly string[] {
  const found: string[] = [];
  const owned = new Set<bigint>();
  for (const { outcome, revision, last } of executions) {
    if (outcome !== "committed" || revision === undefined) continue;
    const { reads, writes } = last;
    const isWrite = writes.size > 0;
    const before = isWrite ? revision - 1n : revision;
    for (const [key, read] of reads) {
      const state = states.at(key, before);
      if (read.value !== state.value || read.modRevision !== state.modRevision) {
        found.push(`at ${before} ${key} was of ${state.modRevision}, and was read as of ${read.modRevision}`);
      }
    }
    if (!isWrite) continue;
    if (owned.has(revision)) found.push(`two transactions were committed at ${revision}`);
    owned.add(revision);
    const stored = states.writesAt(revision);
    const same =
      stored.size === writes.size && [...writes].every(([key, value]) => stored.get(key) === value);
    if (!same) found.push(`what was written at ${revision} is not what the transaction wrote`);
  }
  return found;
}

/** Revisions whose writes nobody admits to: neither a committed transaction, nor one of unknown outcome, each once. */
export function unexplained(
  executions: readonly Execution[],
  states: StoreStates,
  known: ReadonlySet<bigint>,
): readonly bigint[] {
  // The answer of one that only read tells the revision of another's writes.
  const committed = new Set(
    executions.flatMap(({ revision, last }) => (last.writes.size > 0 ? (revision ?? []) : [])),
  );
  const doubtful = executions
    .filter(({ outcome }) => outcome === "unknown")
    .map(({ last }) => textOf(last.writes));
  return states.revisions.filter((revision) => {
    if (known.has(revision) || committed.has(revision)) return false;
    const position = doubtful.indexOf(textOf(states.writesAt(revision)));
    if (position < 0) return true;
    doubtful.splice(position, 1);
    return false;
  });
}

function textOf(writes: ReadonlyMap<string, string>): string {
  return JSON.stringify([...writes].sort());
}
