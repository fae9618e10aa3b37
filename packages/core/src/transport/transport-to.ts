import { createHttp2Transport, type EndpointTransport } from "@etcdkit/transport";
import { codecFor } from "../codec/index.js";
import type { ResolvedOptions } from "../connection/connect-options.js";
import type { Endpoint } from "../connection/endpoint.js";
import { loadTls } from "../connection/tls-options.js";
import { adoptTransport, isEndpointTransport } from "./adopt-transport.js";

/** What of a connection's options concerns its transports. */
export type LinkOptions = Pick<
  ResolvedOptions,
  "tls" | "dial" | "keepAlive" | "maxSendBytes" | "maxReceiveBytes" | "compression" | "clock" | "transport"
>;

/** gRPC to one endpoint: by the transport of the user's, if there is one, else by `createHttp2Transport`. */
export function transportTo(endpoint: Endpoint, options: LinkOptions): EndpointTransport {
  const {
    tls,
    dial,
    transport: make,
    keepAlive,
    maxSendBytes,
    maxReceiveBytes,
    compression,
    clock,
  } = options;
  if (make !== undefined) {
    const transport = make(endpoint);
    return isEndpointTransport(transport) ? transport : adoptTransport(transport, options);
  }
  return createHttp2Transport({
    endpoint,
    tls: () => loadTls(tls),
    // With the URL, which a mere address does not have.
    dial: dial === undefined ? undefined : (_address, signal) => dial(endpoint, signal),
    maxSendBytes,
    maxReceiveBytes,
    keepAlive,
    compression,
    clock,
    codec: codecFor,
  });
}
