import type { Driver } from "../clients/driver.js";

/** What one measurement does, as plain data: it travels to the measuring process, which may be a Go program. */
export interface Workload {
  /** Names it on the command line and in tables: `get-64`, `put-512-16k`. */
  readonly name: string;
  readonly kind: "get" | "put" | "txn" | "range";
  /** Operations under way at any time; the next begins when one ends. */
  readonly inFlight: number;
  readonly valueBytes: number;
  /** Keys that the server holds, named by {@link keyAt}. */
  readonly keys: number;
  /** Keys in the answer of one operation, at least 1: what CPU per key is divided by. */
  readonly keysPerOperation: number;
}

/** Starts the operation with this number, counted from 0. Resolves with what came back; see {@link Driver}. */
export type Operation = (index: number) => Promise<number>;

/** How the workloads of one kind are done. */
export interface WorkloadKind {
  /** The operations of a workload, by this client. What they need often is prepared here. */
  operation(driver: Driver, workload: Workload): Operation;
  /** What an operation resolves with at least when it has really been done. */
  least(workload: Workload): number;
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

/** The element with this number, beginning anew after the last. */
export function around<T>(elements: readonly T[], index: number): T {
  const element = elements[index % elements.length];
  if (element === undefined) throw new RangeError("elements: there is none");
  return element;
}
