import { utf8 } from "@etcdkit/core";
import {
  type Document,
  documentKey,
  type Kind,
  kinds,
  nameOf,
  type Protection,
  protections,
} from "./messages.js";

/** What happened to one key, as a watch tells it. */
export interface JournalEntry {
  readonly deleted: boolean;
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** When it was seen by a watch: some time after it happened. */
  readonly seenUs: number;
}

/** A reign: a key was the oldest under the name. It owns the lock by the rules of etcd, whether anybody knows it or not. */
export interface Reign {
  readonly kind: Kind;
  /** The creation revision of the key. */
  readonly token: string;
  readonly sinceUs: number;
  /** When the key was gone; undefined while it is there. */
  readonly untilUs: number | undefined;
}

/** A write to one of the documents. */
export interface DocumentWrite {
  readonly kind: Kind;
  readonly protection: Protection;
  readonly revision: bigint;
  /** Whose key owned the lock when it was written. */
  readonly owner: string | undefined;
  readonly writer: string;
  /** What the writer had read. */
  readonly after: string;
  /** What was there. */
  readonly before: string;
}

/** The truth of the server. */
export interface Truth {
  /** In the order in which they began, for each kind. */
  readonly reigns: readonly Reign[];
  readonly writes: readonly DocumentWrite[];
  /** When the key of a token was gone. */
  readonly deletedUs: ReadonlyMap<string, number>;
}

/** Finds in the journal of the whole prefix, in order of revision, who owned what when. */
export function truthOf(journal: readonly JournalEntry[]): Truth {
  const deletedUs = new Map<string, number>();
  const reigns: Reign[] = [];
  const writes: DocumentWrite[] = [];
  for (const kind of kinds) {
    const alive = new Map<string, bigint>();
    const versions = new Map<Protection, string>();
    let reign: { readonly token: string; readonly sinceUs: number } | undefined;
    for (const { deleted, key, value, createRevision, modRevision, seenUs } of journal) {
      const protection = protections.find((each) => key === documentKey(kind, each));
      if (protection !== undefined && !deleted) {
        const { token, after } = JSON.parse(utf8(value)) as Document;
        const before = versions.get(protection) ?? "0";
        versions.set(protection, modRevision.toString());
        const owner = reign?.token;
        writes.push({ kind, protection, revision: modRevision, owner, writer: token, after, before });
      }
      if (!key.startsWith(`${nameOf[kind]}/`)) continue;
      if (deleted) {
        deletedUs.set(alive.get(key)?.toString() ?? "none", seenUs);
        alive.delete(key);
      } else {
        alive.set(key, createRevision);
      }
      const oldest = least(alive.values())?.toString();
      if (oldest === reign?.token) continue;
      if (reign !== undefined) reigns.push({ kind, ...reign, untilUs: seenUs });
      reign = oldest === undefined ? undefined : { token: oldest, sinceUs: seenUs };
    }
    if (reign !== undefined) reigns.push({ kind, ...reign, untilUs: undefined });
  }
  return { reigns, writes, deletedUs };
}

function least(values: Iterable<bigint>): bigint | undefined {
  let found: bigint | undefined;
  for (const value of values) if (found === undefined || value < found) found = value;
  return found;
}
