/**
 * How far a transaction is kept apart from others that run at the same time.
 *
 * | level | what `apply` sees | commits only if |
 * |---|---|---|
 * | `"serializable-snapshot"` | the store at one revision, that of the first read | no key that was read has changed, and no key that is written was written since the first read |
 * | `"serializable"` | the same | no key that was read has changed |
 * | `"repeatable-reads"` | each key at some revision, the same all through the attempt | no key that was read has changed |
 * | `"read-committed"` | the same | always: updates of others can be lost |
 *
 * The levels are those of etcd's Go client, package concurrency.
 */
export type Isolation = "serializable-snapshot" | "serializable" | "repeatable-reads" | "read-committed";

/** What a level of isolation asks for. */
export interface IsolationRules {
  /** All reads of an attempt are of one revision. */
  readonly oneRevision: boolean;
  /** Commits only as long as what was read is still so. */
  readonly guardsReads: boolean;
  /** Commits only as long as what is written was not written since the first read. */
  readonly guardsWrites: boolean;
}

export const isolationRules: Readonly<Record<Isolation, IsolationRules>> = {
  "serializable-snapshot": { oneRevision: true, guardsReads: true, guardsWrites: true },
  serializable: { oneRevision: true, guardsReads: true, guardsWrites: false },
  "repeatable-reads": { oneRevision: false, guardsReads: true, guardsWrites: false },
  "read-committed": { oneRevision: false, guardsReads: false, guardsWrites: false },
};
