/**
 * Coordination through etcd: sessions, locks, leader elections and software transactional memory.
 *
 * @packageDocumentation
 */

export type { WaitOptions } from "./call-limits.js";
export { guardKv, type Ownership } from "./guard-kv.js";
export type { Holding } from "./holding.js";
export { createMutex, type Lock, type Mutex } from "./mutex.js";
export { openSession, type SessionOptions } from "./open-session.js";
export type { Session, SessionServices } from "./session.js";
export type { Isolation } from "./stm/isolation.js";
export type { StmOptions } from "./stm/options.js";
export { type StmResult, stm } from "./stm/stm.js";
export type { StmPutOptions, StmTransaction } from "./stm/transaction.js";
export type { Turn, Turns } from "./turns.js";
export { type WaitForPredecessorsOptions, waitForPredecessors } from "./wait-for-predecessors.js";
export { withLock } from "./with-lock.js";
