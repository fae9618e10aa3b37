// Making a transport

export type { CodecChoice, MessageCodec } from "./codec.js";
export type { Address, DialOptions, TlsSettings } from "./dial.js";
export type {
  ConnectionState,
  ConnectionWait,
  EndpointTransport,
  TransportEvent,
} from "./endpoint-transport.js";
export { createHttp2Transport, type Http2TransportOptions } from "./http2-transport.js";
export type { KeepaliveTimes } from "./keepalive.js";
export type { TransportOptions } from "./transport-options.js";

// What failed

export { type Disposition, dispositionOf } from "./disposition.js";
export { type FailureKind, failureKindOf } from "./failure-kind.js";
export { failureText } from "./failure-text.js";
export { TransportError } from "./transport-error.js";

// Time

export { type CancelTimer, type Clock, systemClock } from "./clock.js";
