export { type CancelTimer, type Clock, systemClock } from "./clock.js";
export type { CodecChoice, MessageCodec } from "./codec.js";
export type { Address, DialOptions, TlsSettings } from "./dial.js";
export { type Disposition, dispositionOf } from "./disposition.js";
export type { ConnectionState, EndpointTransport, TransportEvent } from "./endpoint-transport.js";
export { createHttp2Transport, type Http2TransportOptions } from "./http2-transport.js";
export type { KeepaliveTimes } from "./keepalive.js";
export { type FailureKind, TransportError } from "./transport-error.js";
