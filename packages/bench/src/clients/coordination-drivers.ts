/** The time to live of what holds locks: what sessions have by default, here and in Go. */
export const sessionTtlSeconds = 60;

/** The locks of a client. */
export interface LockDriver {
  /**
   * Makes contenders that share so many sessions evenly, one for each name; the same name may come many times. A client
   * without sessions pays no heed to their number.
   */
  open(names: readonly string[], sessions: number): Promise<OpenLocks>;
}

/** Contenders for locks, each of which takes its lock once at a time. */
export interface OpenLocks {
  /** Takes the lock of the contender with this number, counted from 0. Resolves with what releases it. */
  lock(contender: number): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Software transactional memory of a client, at the isolation that it has by default. An empty account holds 0. */
export interface StmDriver {
  /** Moves 1 from one account to another, by reading both in one request. Resolves with how often it was tried. */
  transfer(from: string, to: string): Promise<number>;
  /** What all accounts whose keys have this prefix hold together. */
  total(prefix: string): Promise<number>;
}

/** Reads of a client that are answered from memory, by the leasing protocol. */
export interface LeasingDriver {
  /** @param prefix - Where owners of keys write down what they own. */
  open(prefix: string): Promise<LeasedReads>;
}

/** Reads of keys that are owned once they were read. */
export interface LeasedReads {
  /** Resolves with the bytes of the value. */
  get(key: string): Promise<number>;
  /** How many reads were answered from memory so far. Left out where a client does not tell. */
  hits?(): number;
  close(): Promise<void>;
}
