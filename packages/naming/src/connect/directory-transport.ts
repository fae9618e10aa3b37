import type { Transport } from "@connectrpc/connect";
import { type Clock, systemClock } from "@etcdkit/core";
import {
  callChecks,
  checkClock,
  checkFunction,
  checkOneOf,
  checkOptions,
  optionTable,
} from "@etcdkit/core/spi";
import { createHttp2Transport } from "@etcdkit/transport";
import { parseAddress } from "../address.js";
import type { Directory } from "../directory.js";
import type { Endpoint } from "../endpoint.js";
import { BalancedCall } from "./balanced-call.js";
import type { EndpointConnection } from "./endpoint-connection.js";
import type { EndpointLink } from "./endpoint-link.js";
import { EndpointLinks } from "./endpoint-links.js";
import { heldMessages } from "./held-messages.js";
import { neverSent } from "./never-sent.js";
import { type BalancingPolicy, pickFirst, roundRobin } from "./pick.js";

/** Options of {@link createDirectoryTransport}. */
export interface DirectoryTransportOptions {
  /** The endpoints. It must stay open for as long as the transport, and is not closed with it. */
  readonly directory: Directory;
  /**
   * Makes the transport to one endpoint, once it is to get its first call. What it throws makes the endpoint one that
   * cannot be reached. Default: gRPC in plaintext, by `@etcdkit/transport`.
   */
  readonly createTransport?: ((endpoint: Endpoint) => EndpointConnection) | undefined;
  /**
   * `"round-robin"`: calls go to all endpoints in turn. `"pick-first"`: to the first that can be reached, in the order of
   * keys, and on to that one until it fails or goes. Default `"round-robin"`.
   */
  readonly policy?: BalancingPolicy | undefined;
  /**
   * The longest that a call waits while the directory has no endpoint, or was not read yet, in milliseconds; its own
   * deadline may end the wait sooner. `Infinity` waits for ever. Default 10 000.
   */
  readonly waitTimeoutMs?: number | undefined;
  /** The longest that an endpoint is dialled, in milliseconds, before the next one is tried. Default 2 000. */
  readonly dialTimeoutMs?: number | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** A Connect transport over the endpoints of a service: `createClient(Greeter, transport)`. */
export interface DirectoryTransport extends Transport, AsyncDisposable {
  /**
   * Ends the links to all endpoints and, as far as their transports can, every call, also at endpoints that have left the
   * directory. Later calls are refused. Resolves once the transports have closed. Idempotent.
   */
  close(): Promise<void>;
}

const table = optionTable("createDirectoryTransport", {
  directory: (value, name) => {
    if (typeof value !== "object" || value === null || !("subscribe" in value && "endpoints" in value)) {
      throw new TypeError(`${name} must be a Directory`);
    }
  },
  createTransport: checkFunction,
  policy: checkOneOf(["round-robin", "pick-first"]),
  waitTimeoutMs: callChecks.timeoutMs,
  dialTimeoutMs: callChecks.timeoutMs,
  clock: checkClock,
});

/**
 * Makes a transport that gives each call to an endpoint of the directory and follows its changes.
 *
 * A call waits while there is no endpoint. One that its endpoint cannot have seen goes to the next, each endpoint once: any
 * call whose endpoint could not be dialled ahead of it (see {@link EndpointConnection}), and a unary call that the transport
 * proves not to have been sent or not to have been looked at. What else fails is not repeated: it may have been done, or its
 * requests may have been taken from their source. An endpoint that could not be reached is left for last for a while, 1 s to
 * 30 s.
 *
 * An endpoint that leaves the directory gets no further calls. Those under way end as they would, streams included; then its
 * transport is closed.
 *
 * Calls reject with `ConnectError`: `Unavailable` when there is no endpoint, or none that can be reached (`cause` says why),
 * `DeadlineExceeded` when the call's time was up while it waited, and whatever the service answers; aborted ones with
 * `signal.reason`.
 *
 * @throws `TypeError` or `RangeError` that names the option.
 */
export function createDirectoryTransport(options: DirectoryTransportOptions): DirectoryTransport {
  checkOptions(table, options);
  if (options?.directory === undefined) throw new TypeError("directory must be a Directory");
  return new BalancedTransport(options);
}

/** Where a call is sent: a link that was not tried yet, dialled. */
interface Acquired {
  readonly link: EndpointLink;
  readonly transport: EndpointConnection;
}

class BalancedTransport implements DirectoryTransport {
  readonly #target: string;
  readonly #links: EndpointLinks;
  readonly #waitTimeoutMs: number;
  readonly #clock: Clock;

  constructor(options: DirectoryTransportOptions) {
    const { directory, createTransport = plaintext, dialTimeoutMs = 2_000, clock = systemClock } = options;
    const pick = options.policy === "pick-first" ? pickFirst() : roundRobin();
    this.#target = directory.target;
    this.#links = new EndpointLinks(directory, { createTransport, dialTimeoutMs, clock }, pick);
    this.#waitTimeoutMs = options.waitTimeoutMs ?? 10_000;
    this.#clock = clock;
  }

  unary: Transport["unary"] = async (method, signal, timeoutMs, header, input, contextValues) => {
    const call = this.#call(signal, timeoutMs);
    while (true) {
      const { link, transport } = await this.#acquire(call);
      try {
        const answer = await transport.unary(method, signal, call.leftMs(), header, input, contextValues);
        link.worked();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        if (!neverSent(error)) throw error;
        call.missed(link, error);
      } finally {
        link.end();
      }
    }
  };

  stream: Transport["stream"] = async (method, signal, timeoutMs, header, input, contextValues) => {
    const call = this.#call(signal, timeoutMs);
    const { link, transport } = await this.#acquire(call);
    try {
      const response = await transport.stream(method, signal, call.leftMs(), header, input, contextValues);
      link.worked();
      return {
        stream: true,
        service: response.service,
        method: response.method,
        get header() {
          return response.header;
        },
        get trailer() {
          return response.trailer;
        },
        message: heldMessages(response.message, signal, () => link.end()),
      };
    } catch (error) {
      // Not repeated: the requests may have been taken from their source.
      if (neverSent(error)) link.failed();
      link.end();
      signal?.throwIfAborted();
      throw error;
    }
  };

  close(): Promise<void> {
    return this.#links.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call(signal: AbortSignal | undefined, timeoutMs: number | undefined): BalancedCall {
    signal?.throwIfAborted();
    return new BalancedCall(signal, timeoutMs, this.#clock);
  }

  /** Finds an endpoint for a call and dials it; on with the next when that fails. The link's `end` must follow. */
  async #acquire(call: BalancedCall): Promise<Acquired> {
    while (true) {
      while (this.#links.isEmpty) {
        await call.until(this.#links.arrival(), this.#waitTimeoutMs, () => this.#links.nobody());
      }
      const link = this.#links.choose(call.tried);
      if (link === undefined) throw call.unreachable(this.#target);
      link.begin();
      try {
        const opening = link.open();
        const transport = opening instanceof Promise ? await call.until(opening) : opening;
        if (!link.gone) return { link, transport };
      } catch (error) {
        link.end();
        call.throwIfOver(error);
        call.missed(link, error);
        continue;
      }
      // It left the directory while it was dialled.
      link.end();
    }
  }
}

/** gRPC in plaintext. */
function plaintext({ address }: Endpoint): EndpointConnection {
  const target = parseAddress(address);
  const host = "host" in target ? target.host : "localhost";
  const authority = "host" in target ? address : "localhost";
  return createHttp2Transport({ endpoint: { target, tls: false, authority, serverName: host } });
}
