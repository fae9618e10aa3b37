/**
 * Traces and metrics of an etcd client by OpenTelemetry's semantic conventions.
 *
 * @packageDocumentation
 */
export { createTelemetry, type Telemetry, type TelemetryOptions } from "./opentelemetry/create-telemetry.js";
