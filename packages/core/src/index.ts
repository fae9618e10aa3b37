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

export type { WaitOptions } from "./call-limits.js";
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
export { type KeyOrRange, type KeyRange, prefixEnd, type WireRange } from "./key-range.js";
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
export type { WatchOptions } from "./watch/watch-options.js";
export { watcherFrom } from "./watch/watcher-from.js";
