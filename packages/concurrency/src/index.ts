export type { Session, SessionServices } from "./session.js";
export type { Isolation } from "./stm/isolation.js";
export type { StmOptions } from "./stm/options.js";
export { type StmResult, stm } from "./stm/stm.js";
export type { StmPutOptions, StmTransaction } from "./stm/transaction.js";
