/**
 * For packages that extend the family: what services, decorators and coordination are made with. Programs do without.
 *
 * @packageDocumentation
 */

// How arguments are checked and put into wire form

export { checkBytesLike, isBytes, isBytesLike, toBytes } from "./bytes.js";
export { checkKv, checkLeases, checkReadonlyKv, checkServices, checkWatcher } from "./check-services.js";
export { checkCallerHeaders } from "./connection/call-headers.js";
export { checkId, checkInt64, checkMemberId, checkPositiveInteger, checkRevision } from "./integers.js";
export { toWireRange } from "./key-range.js";
export {
  type Check,
  callChecks,
  callOf,
  checkClock,
  checkFlag,
  checkFunction,
  checkOneOf,
  checkOptions,
  type OptionTable,
  optionTable,
} from "./options.js";
export { watchTables } from "./watch/watch-options.js";

// What ops do, and waiting for keys

export { isRead, type ReadOp } from "./kv/is-read.js";
export { meansLookAgain, nextChange } from "./watch/next-change.js";

// How services are called

export { callUnary } from "./call-unary.js";
export { elsewhere } from "./connection/tried-endpoints.js";
export { headerOf } from "./response-header.js";
export { openServerStream, type ServerStream } from "./server-stream.js";

// What failures are made of

export type { Delay } from "./connection/prerequisite.js";
export { delayOf } from "./errors/abort-delay.js";
export { printable } from "./errors/from-transport.js";
export { noteOutcome } from "./errors/outcome.js";
export { findServerError, type ServerError } from "./errors/server-errors.js";

// Calls of several steps, and pauses between them

export { CallLimits, forAnswer, withinLimits } from "./call-limits.js";
export { type BackOff, pauseMs } from "./connection/back-off.js";
export { sleep } from "./connection/sleep.js";
