import type { Bug } from "./bugs.js";

/** What is contended for. */
export type Kind = "lock" | "election" | "rw-lock";
export const kinds: readonly Kind[] = ["lock", "election", "rw-lock"];

/** What a contending process is started with. */
export interface Assignment {
  /** Of its own bridges, one for each member. */
  readonly endpoints: readonly string[];
  readonly seed: number;
  readonly bug: Bug | undefined;
}

/** Where the keys of each kind are. */
export const nameOf: Readonly<Record<Kind, string>> = {
  lock: "lock-safety/lock",
  election: "lock-safety/election",
  "rw-lock": "lock-safety/rw-lock",
};

/** Whether a key stands for somebody who shares what it holds with others of the same mind. */
export function isReader(key: string): boolean {
  return key.startsWith(`${nameOf["rw-lock"]}/read/`);
}

/**
 * How a document is protected against who holds the lock no longer.
 *
 * - `guarded`: written through `guard(kv)`.
 * - `compared`: written in a transaction that compares `owned()`, so that only the server can refuse.
 * - `control`: not at all. Here is seen what the others are spared.
 */
export type Protection = "guarded" | "compared" | "control";
export const protections: readonly Protection[] = ["guarded", "compared", "control"];

/**
 * What is written while something is held.
 *
 * @param shared - Whether by those who hold it together: they have a document of their own, which they do not read.
 */
export function documentKey(kind: Kind, shared: boolean, protection: Protection): string {
  return `lock-safety/documents/${kind}/${shared ? "readers/" : ""}${protection}`;
}

/** A document: who wrote it, and after what. */
export interface Document {
  readonly token: string;
  /** The modification revision of the document that its writer read before, 0 for none: never that of readers. */
  readonly after: string;
}

/** What a process did while it held, told when it has ended. Times are of the shared clock, in microseconds. */
export interface Hold {
  readonly kind: Kind;
  /** Whether it was held as a reader, together with other readers. */
  readonly shared: boolean;
  readonly worker: number;
  readonly token: string;
  readonly leaseId: string;
  /** When the lock was handed out. */
  readonly acquiredUs: number;
  /** Shortly before `isHeld()` said yes for the last time; undefined when it never did. */
  readonly heldUs: number | undefined;
  /** When the last action began, and shortly before `isHeld()` had agreed to it. */
  readonly actedUs: number | undefined;
  readonly agreedUs: number | undefined;
  /** When the signal aborted or `isHeld()` first said no; undefined when the lock was given back. */
  readonly lostUs: number | undefined;
}

/** What became of writes of one process. */
export interface WriteCounts {
  acknowledged: number;
  /** By the server or the guard, since the writer held no longer. */
  refused: number;
  /** Timeouts, aborts and broken links. */
  failed: number;
}

/** Who is about to write. */
export interface Writer {
  readonly kind: Kind;
  readonly shared: boolean;
  readonly token: string;
  readonly leaseId: string;
}

export type FromWorker =
  | { readonly type: "ready" }
  | {
      readonly type: "acquired";
      readonly kind: Kind;
      readonly shared: boolean;
      readonly token: string;
      readonly leaseId: string;
      readonly ttlSeconds: number;
    }
  | { readonly type: "held"; readonly hold: Omit<Hold, "worker"> }
  | {
      readonly type: "fenced";
      readonly id: number;
      readonly kind: Kind;
      readonly shared: boolean;
      readonly token: string;
    }
  /** It holds, is about to write, and waits for leave: see {@link ToWorker} `announce`. */
  | ({ readonly type: "writing" } & Writer)
  | { readonly type: "problem"; readonly text: string }
  | {
      readonly type: "finished";
      readonly writes: Readonly<Record<Protection, WriteCounts>>;
      readonly givenUp: number;
      readonly sessions: number;
    };

export type ToWorker =
  | { readonly type: "stop" }
  /** Keep the event loop busy. */
  | { readonly type: "stall"; readonly ms: number }
  /** Tell of the next write of a kind, after `isHeld()` has agreed to it, and wait for `write` before it. */
  | { readonly type: "announce"; readonly kind: Kind }
  | { readonly type: "write" }
  | { readonly type: "fenced"; readonly id: number; readonly accepted: boolean };
