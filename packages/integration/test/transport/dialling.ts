import { ConnectError, type Transport } from "@connectrpc/connect";
import {
  type Address,
  createHttp2Transport,
  dispositionOf,
  type EndpointTransport,
  type Http2TransportOptions,
} from "@etcdkit/transport";

/** Where an `http` endpoint is. */
export function addressOf(endpoint: string): Address {
  const { hostname, port, host } = new URL(endpoint);
  return {
    target: { host: hostname, port: Number(port) },
    tls: false,
    authority: host,
    serverName: hostname,
  };
}

/** Our transport to an endpoint, and a transport over it that dials when it has to. */
export interface Dialling {
  readonly link: EndpointTransport;
  readonly transport: Transport;
  close(): Promise<void>;
}

const mostAttempts = 5;

/** Our own transport to an endpoint. */
export function openDialling(
  endpoint: string,
  options: Omit<Http2TransportOptions, "endpoint"> = {},
): Dialling {
  return diallingOver(createHttp2Transport({ ...options, endpoint: addressOf(endpoint) }));
}

/**
 * A link dials when it is told to, and says of a call that failed whether the server can have seen it. This adds the
 * least that a caller has to do with that: dial, and ask again when the server has not seen the request.
 */
export function diallingOver(link: EndpointTransport): Dialling {
  const never = new AbortController().signal;

  /** What aborts a call is told by the call. */
  async function ready(signal: AbortSignal | undefined): Promise<void> {
    try {
      await link.connect(signal ?? never);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  }

  async function repeating<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      await ready(signal);
      try {
        return await call();
      } catch (error) {
        const isUnseen =
          dispositionOf(error) !== "unknown" && error instanceof ConnectError && error.code === 14;
        if (!isUnseen || attempt === mostAttempts) throw error;
      }
    }
  }

  return {
    link,
    transport: {
      unary: (method, signal, ...rest) => repeating(signal, () => link.unary(method, signal, ...rest)),
      // A stream of requests can be read only once, so a stream is not begun again.
      stream: async (method, signal, ...rest) => {
        await ready(signal);
        return await link.stream(method, signal, ...rest);
      },
    },
    close: () => link.close(),
  };
}
