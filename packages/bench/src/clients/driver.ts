import type { LeasingDriver, LockDriver, StmDriver } from "./coordination-drivers.js";

/**
 * One client at work on one server. Every method resolves with a number that shows that the work was done: the bytes of
 * the value for `get`, the keys for `range`, 1 for a `put` and for a `txn` that succeeded. A client that does not decode
 * answers may resolve with the bytes that it received, which are more.
 */
export interface Driver {
  get(key: string): Promise<number>;
  put(key: string, value: Uint8Array): Promise<number>;
  /** Writes `value` to all keys if all of them exist. */
  txn(keys: readonly [string, string, string], value: Uint8Array): Promise<number>;
  /** Reads all keys with this prefix in one call. */
  range(prefix: string): Promise<number>;
  /** Left out where watches are not measured of the client. */
  readonly watches?: WatchDriver | undefined;
  /** Left out where leases are not measured of the client. */
  readonly leases?: LeaseDriver | undefined;
  /** Left out where locks are not measured of the client. */
  readonly locks?: LockDriver | undefined;
  /** Left out where it has none, or it is not measured. */
  readonly stm?: StmDriver | undefined;
  /** Left out where it has none, or they are not measured. */
  readonly leasing?: LeasingDriver | undefined;
  close(): Promise<void>;
}

/** The watches of a client, all of them on one stream. */
export interface WatchDriver {
  /** Watches one key that many times from now on. Resolves when every one of the watches stands. */
  open(key: string, count: number, sink: WatchSink): Promise<OpenWatches>;
  /**
   * Watches all keys with this prefix from revision 1 until there was an event of the revision `until`, and ends the watch.
   *
   * @returns The number of its events.
   * @throws Error when the revision of the last one is not `until`.
   */
  catchUp(prefix: string, until: number): Promise<number>;
  /**
   * Watches all keys with this prefix that many times from now on, and as many times more as `stopped` says whose readers
   * stop after the first event. Left out where a reader cannot stop.
   */
  openSome?(prefix: string, count: number, stopped: number, sink: WatchSink): Promise<SomeWatches>;
}

/** Watches that stand. */
export interface OpenWatches {
  /** Begins to read all of them, once. Without it a client may keep what comes. */
  read(): void;
  close(): Promise<void>;
}

/** Watches of which some are not read. */
export interface SomeWatches {
  /**
   * Reads on where the others have stopped.
   *
   * @returns How many events each of them had, once there were `events`.
   * @throws Error unless each event is of the revision after the one before.
   */
  readOn(events: number): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** Where watches deliver to. */
export interface WatchSink {
  /** The watch with this number, counted from 0, has an event with a value of so many bytes. */
  event(watch: number, valueBytes: number): void;
  /** A watch has ended by itself. */
  failed(error: unknown): void;
}

/** Grants and revocations under way at any time; a server refuses thousands at once. */
export const leaseCallsAtOnce = 64;

/** The leases of a client. */
export interface LeaseDriver {
  /**
   * Grants that many leases and keeps them alive. Resolves when all are granted, with what ends and revokes them; that
   * rejects when the client itself holds one to be lost.
   */
  keep(count: number, ttlSeconds: number): Promise<() => Promise<void>>;
}

/** Makes a driver for a server at an `http://` URL. Connecting may be left to the first call. */
export type OpenDriver = (endpoint: string) => Promise<Driver>;
