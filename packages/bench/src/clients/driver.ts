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
  close(): Promise<void>;
}

/** Makes a driver for a server at an `http://` URL. Connecting may be left to the first call. */
export type OpenDriver = (endpoint: string) => Promise<Driver>;
