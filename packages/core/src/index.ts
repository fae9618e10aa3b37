// Connecting

export { clientApiVersion } from "./connection/call-headers.js";
export type { ConnectOptions, KeepAliveOptions, RetryOptions } from "./connection/connect-options.js";
export { type Connection, connect } from "./connection/connection.js";
export type { Credentials } from "./connection/credentials.js";
export { type Endpoint, parseEndpoint } from "./connection/endpoint.js";
export type { ConnectionEvent } from "./connection/events.js";
export type { Logger } from "./connection/logger.js";
export type { TlsOptions, TlsSource } from "./connection/tls-options.js";

// Transports

export {
  type CancelTimer,
  type Clock,
  type ConnectionState,
  type ConnectionWait,
  type Disposition,
  type EndpointTransport,
  systemClock,
  type TransportEvent,
} from "@etcdkit/transport";

// Calls and errors

export type { CallOptions } from "./call-options.js";
export { callContext } from "./connection/context.js";
export {
  type ClientErrorCode,
  EtcdError,
  type EtcdErrorCode,
  type EtcdErrorDetails,
  isEtcdError,
  outcomeOf,
} from "./errors/etcd-error.js";
export type { GrpcStatus } from "./errors/grpc-status.js";
export { ClusterChangedError, CompactedError, HistoryReplacedError } from "./errors/history-errors.js";
export type { Outcome } from "./errors/outcome.js";
export type { ServerErrorCode } from "./errors/server-error-code.js";

// What happens inside, for metrics and debugging

export type { DiagnosticChannel } from "./diagnostics/channel.js";
export {
  type CallAttempt,
  type Diagnostics,
  diagnostics,
  type LeaseState,
  type LinkState,
  type WatchState,
} from "./diagnostics/channels.js";

// Keys and values

export { type BytesLike, compareBytes, concatBytes, json, utf8 } from "./bytes.js";
export { type KeyOrRange, type KeyRange, prefixEnd } from "./key-range.js";
export { type KeySpace, shareKeySpace } from "./key-space.js";
export { type JsonValue, toJson } from "./to-json.js";

// The key-value interface

export type { ResponseHeader } from "./gen/etcdserverpb/rpc_pb.js";
export type { KeyValue } from "./gen/mvccpb/kv_pb.js";
export { op } from "./kv/build-op.js";
export {
  type Compare,
  type CompareNumber,
  type CompareRelation,
  type Comparison,
  compare,
} from "./kv/compare.js";
export type {
  CompactOptions,
  DeleteOptions,
  GetOptions,
  Kv,
  KvExecutor,
  PutOptions,
  RangeOptions,
  ReadonlyKv,
} from "./kv/kv.js";
export { kvFrom } from "./kv/kv-from.js";
export type {
  BranchOp,
  CompactOp,
  DeleteOp,
  Op,
  PutOp,
  RangeOp,
  Sort,
  SortBy,
  TxnOp,
  TxnParts,
} from "./kv/op.js";
export type {
  CompactOpOptions,
  DeleteOpOptions,
  Extreme,
  GetOpOptions,
  KeepValueOptions,
  PutOpOptions,
  RangeOpOptions,
  ScanOptions,
} from "./kv/op-options.js";
export type {
  CompactResult,
  DeleteResult,
  PutResult,
  RangeResult,
  ResultOf,
  ResultsOf,
  TxnResult,
} from "./kv/results.js";

// The lease interface

export type { KeepAlive, LeaseKeepAliveOptions } from "./lease/keep-alive.js";
export {
  isKeepAliveHalted,
  KeepAliveHaltedError,
  type KeepAliveHaltReason,
} from "./lease/keep-alive-halted-error.js";
export type {
  GrantOptions,
  LeaseGrant,
  LeaseList,
  LeaseRenewal,
  LeaseRevocation,
  Leases,
  LeaseTimeToLive,
  TimeToLiveOptions,
} from "./lease/leases.js";

// The watch interface

export { type Event, Event_EventType } from "./gen/mvccpb/kv_pb.js";
export { isCreate, isDelete, isModify } from "./watch/event.js";
export { type FirstEventOptions, firstEvent } from "./watch/first-event.js";
export { mapWatch } from "./watch/map-watch.js";
export type {
  EventsBatch,
  ProgressBatch,
  StateBatch,
  Watch,
  WatchBatch,
  WatchCall,
  Watcher,
  WatchOpener,
  WatchRequest,
} from "./watch/watch.js";
export { type WatchOptions, watchTables } from "./watch/watch-options.js";
export { watcherFrom } from "./watch/watcher-from.js";

// For packages of the family and for decorators: how arguments are checked and put into wire form

export { isBytes, isBytesLike, toBytes } from "./bytes.js";
export { checkCallerHeaders } from "./connection/call-headers.js";
export { checkId, checkInt64, checkMemberId, checkPositiveInteger, checkRevision } from "./integers.js";
export { toWireRange, type WireRange } from "./key-range.js";
export {
  type Check,
  callChecks,
  callOf,
  checkFlag,
  checkOneOf,
  checkOptions,
  type OptionTable,
  optionTable,
} from "./options.js";

// For decorators that want the answer of another member

export { elsewhere } from "./connection/tried-endpoints.js";

// For packages of the family that try again after a pause

export { type BackOff, pauseMs } from "./connection/back-off.js";
export { sleep } from "./connection/sleep.js";
export { printable } from "./errors/from-transport.js";
export { findServerError, type ServerError } from "./errors/server-errors.js";

// For packages of the family whose calls take several steps

export { CallLimits, type WaitOptions, withinLimits } from "./call-limits.js";

// For packages of the family that call services of etcd

export { callUnary } from "./call-unary.js";
export { headerOf } from "./response-header.js";
export { openServerStream, type ServerStream } from "./server-stream.js";

// For packages of the family that keep time limits of their own

export type { Delay } from "./connection/prerequisite.js";
export { delayOf } from "./errors/abort-delay.js";
export { noteOutcome } from "./errors/outcome.js";
