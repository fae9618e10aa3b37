import { parseEndpoint } from "@etcdkit/core";
import type { Attributes } from "@opentelemetry/api";

// Names of OpenTelemetry's semantic conventions for RPC (docs/rpc of open-telemetry/semantic-conventions).

/** What every span and every measurement of a call says. */
export function methodAttributes(service: string, method: string): Attributes {
  return { "rpc.system.name": "grpc", "rpc.method": `${service}/${method}` };
}

/** Where an attempt went; `server.address` of a unix socket is its path. */
export function serverAttributes(endpoint: string): Attributes {
  const { target } = parseEndpoint(endpoint, false);
  return "path" in target
    ? { "server.address": target.path }
    : { "server.address": target.host, "server.port": target.port };
}

/** How a call ended. */
export function statusAttributes(status: string): Attributes {
  return { "rpc.response.status_code": status, ...(status !== "OK" && { "error.type": status }) };
}
