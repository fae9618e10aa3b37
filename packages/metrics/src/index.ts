/**
 * What metrics and traces of an etcd client are made of. Those for Prometheus are in `@etcdkit/metrics/prometheus`, those
 * for OpenTelemetry in `@etcdkit/metrics/opentelemetry`.
 *
 * @packageDocumentation
 */
export { type ClientState, type LinkCount, openClientState } from "./client-state.js";
export { grpcStatusOf } from "./grpc-status-of.js";
export {
  type CallContext,
  type CallInterceptor,
  type CallObserver,
  type ObservedCall,
  observeCalls,
} from "./observe-calls.js";
