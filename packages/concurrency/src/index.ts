/**
 * Coordination through etcd: sessions, locks, leader elections and software transactional memory.
 *
 * @packageDocumentation
 */

export type { WaitOptions } from "@etcdkit/core";
export { createElection, type Election, type ElectionOptions, type ElectionServices } from "./election.js";
export {
  createElectionService,
  type ElectionService,
  type LeaderKey,
  type ServiceDone,
  type ServiceLeader,
} from "./election-service.js";
export { guardKv, type Ownership } from "./guard-kv.js";
export type { Holding } from "./holding.js";
export type { Leadership } from "./leadership.js";
export {
  createLockService,
  type LockService,
  type ServiceLock,
  type ServiceWaitOptions,
} from "./lock-service.js";
export { createMutex, type Lock, type Mutex } from "./mutex.js";
export { openSession, type SessionOptions } from "./open-session.js";
export type { Session, SessionServices } from "./session.js";
export type { Isolation } from "./stm/isolation.js";
export type { StmOptions } from "./stm/options.js";
export { type StmResult, stm } from "./stm/stm.js";
export type { StmPutOptions, StmTransaction } from "./stm/transaction.js";
export type { Turn, Turns } from "./turns.js";
export {
  type WaitForPredecessorsOptions,
  type WaitServices,
  waitForPredecessors,
} from "./wait-for-predecessors.js";
export { withLock } from "./with-lock.js";
