import type { Driver } from "../clients/driver.js";
import type { MetricName } from "../report/metrics.js";

/** What one measurement does, as plain data: it travels to the measuring process, which may be a Go program. */
export interface Workload {
  /** Names it on the command line and in tables: `get-64`, `put-512-16k`. */
  readonly name: string;
  readonly kind:
    | "get"
    | "put"
    | "txn"
    | "range"
    | "watch-fan-out"
    | "watch-catch-up"
    | "watch-stopped-consumer"
    | "watch-hold"
    | "lease-hold"
    | "lock"
    | "lock-contended"
    | "stm"
    | "leasing-get";
  /** Operations under way at any time; the next begins when one ends. */
  readonly inFlight: number;
  readonly valueBytes: number;
  /** Keys that the server holds, named by {@link keyAt}. */
  readonly keys: number;
  /** Keys in the answer of one operation, or events that it ends with, at least 1: what CPU per key is divided by. */
  readonly keysPerOperation: number;
  /**
   * How often all keys were written before, each time in one transaction, so that the history of the server is as many
   * revisions. Left out: once, each key by itself.
   */
  readonly revisions?: number | undefined;
  /** Watches or leases that are open at once; left out where there is none. */
  readonly held?: number | undefined;
  /** How many of the watches are not read while the others are. Default 0. */
  readonly stopped?: number | undefined;
  /** Whether each watch that is held has a reader that waits. Default `false`. */
  readonly read?: boolean | undefined;
  /** The time to live of the leases, in seconds. */
  readonly ttlSeconds?: number | undefined;
  /**
   * How long the warm-up takes at least, in milliseconds, where operations are so slow that compilers have not seen enough
   * of them otherwise.
   */
  readonly warmUpMs?: number | undefined;
  /** How many different locks are taken. */
  readonly names?: number | undefined;
  /** How many sessions take them. */
  readonly sessions?: number | undefined;
}

/** Starts the operation with this number, counted from 0. Resolves with what came back; see {@link Driver}. */
export type Operation = (index: number) => Promise<number>;

/** What a workload adds to the sample of its measurement. */
export interface Findings {
  readonly peakMemoryBytes?: number | undefined;
  readonly requestsPerOperation?: number | undefined;
  readonly eventsPerOperation?: number | undefined;
}

/** Work of which all is prepared. */
export interface Work {
  readonly operation: Operation;
  /**
   * Looks whether everything was done, once, after the last operation.
   *
   * @throws Error when something is missing or came twice.
   */
  finish?(): Promise<Findings>;
}

/** Something that is held for a while, such as 10,000 leases. */
export interface Holding {
  /** What was done for it so far: renewals. */
  count(): Promise<number>;
  /** @throws Error when not all of it is held any more. */
  verify(): Promise<void>;
  release(): Promise<void>;
}

/** How the workloads of one kind are measured. */
export type WorkloadKind = OperationKind | HoldingKind;

interface AnyKind {
  /** What is worth showing, the most important first: ratios and spread are shown of that one. */
  readonly metrics: readonly MetricName[];
  /** The clients that can do it, by their names. Left out: all. */
  readonly clients?: readonly string[] | undefined;
}

/** Operations, one after the other. */
export interface OperationKind extends AnyKind {
  /**
   * Prepares the operations of a workload, by this client. What they need often is made here.
   *
   * @param endpoint - For questions to the server itself.
   */
  begin(driver: Driver, workload: Workload, endpoint: string): Work | Promise<Work>;
  /** What an operation resolves with at least when it has really been done. */
  least(workload: Workload): number;
}

/** Nothing but being there. */
export interface HoldingKind extends AnyKind {
  /**
   * Resolves once everything is held.
   *
   * @param endpoint - For questions to the server itself.
   * @param count - How many; {@link Workload.held} of them in the measured time.
   */
  hold(driver: Driver, workload: Workload, endpoint: string, count: number): Promise<Holding>;
  /** How long is measured at least, in milliseconds. */
  leastMs(workload: Workload): number;
}

/** Every key begins with this, so that a range by it is all keys. */
export const keyPrefix = "bench/key-";

/** The name of a key, always of the same length. The Go program of this package spells it the same way. */
export function keyAt(index: number): string {
  return keyPrefix + String(index).padStart(6, "0");
}

/** All keys of a workload. */
export function keysOf({ keys }: Workload): readonly string[] {
  return Array.from({ length: keys }, (_, index) => keyAt(index));
}

/** A value of that many bytes. */
export function valueFor({ valueBytes }: Workload): Uint8Array {
  return Uint8Array.from({ length: valueBytes }, (_, index) => (index * 31) & 0xff);
}

/** How long a workload is warmed up where all are for so long. */
export function warmUpOf({ warmUpMs = 0 }: Workload, usualMs: number): number {
  return Math.max(warmUpMs, usualMs);
}

/** The element with this number, beginning anew after the last. */
export function around<T>(elements: readonly T[], index: number): T {
  const element = elements[index % elements.length];
  if (element === undefined) throw new RangeError("elements: there is none");
  return element;
}

type NeededField = "revisions" | "held" | "ttlSeconds" | "names" | "sessions";

/**
 * A number that a workload of its kind must have.
 *
 * @throws `TypeError` that names it when it is not there.
 */
export function needed(workload: Workload, field: NeededField): number {
  const value = workload[field];
  if (value === undefined) throw new TypeError(`${workload.name}: ${field} is missing`);
  return value;
}
