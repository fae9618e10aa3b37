import { utf8 } from "@etcdkit/core";
import {
  type Document,
  documentKey,
  isReader,
  type Kind,
  kinds,
  nameOf,
  type Protection,
  protections,
} from "./messages.js";
import { Queue } from "./queue.js";

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

/**
 * A reign: nobody was before a key under the name, or only readers before a reader's. It owns the lock by the rules of
 * etcd, whether anybody knows it or not.
 */
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
  /** Whether it is the document of readers. */
  readonly shared: boolean;
  readonly revision: bigint;
  /** Whether the writer's key owned the lock when it was written. */
  readonly owned: boolean;
  readonly writer: string;
  /** What the writer had read. */
  readonly after: string;
  /** What was there. */
  readonly before: string;
}

/** The truth of the server. */
export interface Truth {
  /** In the order in which they ended, for each kind. */
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
    const documents = documentsOf(kind);
    const queue = new Queue();
    /** What those who do not share have left in each document. */
    const versions = new Map<Protection, string>();
    const sinceUs = new Map<string, number>();
    for (const { deleted, key, value, createRevision, modRevision, seenUs } of journal) {
      const document = documents.get(key);
      if (document !== undefined && !deleted) {
        const { token, after } = JSON.parse(utf8(value)) as Document;
        const before = versions.get(document.protection) ?? "0";
        const owned = queue
          .owners()
          .some(({ revision, shared }) => revision.toString() === token && shared === document.shared);
        if (!document.shared) versions.set(document.protection, modRevision.toString());
        writes.push({ kind, ...document, revision: modRevision, owned, writer: token, after, before });
      }
      if (!key.startsWith(`${nameOf[kind]}/`)) continue;
      if (deleted) {
        const token = String(queue.leave(key));
        deletedUs.set(token, seenUs);
        const since = sinceUs.get(token);
        if (since !== undefined) reigns.push({ kind, token, sinceUs: since, untilUs: seenUs });
        sinceUs.delete(token);
      } else {
        queue.arrive(key, createRevision, isReader(key));
      }
      for (const { revision } of queue.owners()) {
        const token = revision.toString();
        if (!sinceUs.has(token)) sinceUs.set(token, seenUs);
      }
    }
    for (const [token, since] of sinceUs) reigns.push({ kind, token, sinceUs: since, untilUs: undefined });
  }
  return { reigns, writes, deletedUs };
}

type DocumentName = Pick<DocumentWrite, "shared" | "protection">;

function documentsOf(kind: Kind): ReadonlyMap<string, DocumentName> {
  const names = protections.flatMap((protection): DocumentName[] => [
    { shared: false, protection },
    { shared: true, protection },
  ]);
  return new Map(names.map((name) => [documentKey(kind, name.shared, name.protection), name]));
}
