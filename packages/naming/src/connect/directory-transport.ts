import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import {
  type Check,
  type Clock,
  checkOneOf,
  checkOptions,
  isEtcdError,
  optionTable,
  systemClock,
} from "@etcdkit/core";
import { createHttp2Transport } from "@etcdkit/transport";
import { parseAddress } from "../address.js";
import { checkClock, type Directory } from "../directory.js";
import { type Endpoint, sameEndpoint } from "../endpoint.js";
import { within } from "../within.js";
import type { EndpointConnection } from "./endpoint-connection.js";
import { EndpointLink, type LinkSetup } from "./endpoint-link.js";
import { heldMessages } from "./held-messages.js";
import { neverSent } from "./never-sent.js";
import { type BalancingPolicy, type Pick, pickFirst, roundRobin } from "./pick.js";

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
  /** Ends the links to all endpoints and, as far as their transports can, every call. Later calls are refused. Idempotent. */
  close(): Promise<void>;
}

const checkFunction: Check = (value, name) => {
  if (typeof value !== "function") throw new TypeError(`${name} must be a function`);
};
const checkMs: Check = (value, name) => {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (!(value > 0)) throw new RangeError(`${name} must be positive`);
};
const table = optionTable("createDirectoryTransport", {
  directory: (value, name) => {
    if (typeof value !== "object" || value === null || !("subscribe" in value && "endpoints" in value)) {
      throw new TypeError(`${name} must be a Directory`);
    }
  },
  createTransport: checkFunction,
  policy: checkOneOf(["round-robin", "pick-first"]),
  waitTimeoutMs: checkMs,
  dialTimeoutMs: checkMs,
  clock: checkClock,
});

/**
 * Makes a transport that gives each call to an endpoint of the directory and follows its changes.
 *
 * A call waits while there is no endpoint. One that its endpoint cannot have seen goes to the next, each endpoint once: any
 * call whose endpoint could not be dialled, and a unary call that the transport proves not to have been sent or not to have
 * been looked at. What else fails is not repeated: it may have been done. An endpoint that could not be reached is left for
 * last for a while, 1 s to 30 s.
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
  readonly #directory: Directory;
  readonly #setup: LinkSetup;
  readonly #pick: Pick;
  readonly #waitTimeoutMs: number;
  readonly #unsubscribe: () => void;
  readonly #closing = new AbortController();
  #links: readonly EndpointLink[] = [];

  constructor(options: DirectoryTransportOptions) {
    const { createTransport = plaintext, dialTimeoutMs = 2_000, clock = systemClock } = options;
    this.#directory = options.directory;
    this.#setup = { createTransport, dialTimeoutMs, clock };
    this.#pick = options.policy === "pick-first" ? pickFirst() : roundRobin();
    this.#waitTimeoutMs = options.waitTimeoutMs ?? 10_000;
    this.#unsubscribe = this.#directory.subscribe(() => this.#follow());
    this.#follow();
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
    if (!this.#closing.signal.aborted) {
      this.#unsubscribe();
      this.#closing.abort();
      for (const link of this.#links) link.close();
      this.#links = [];
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Makes the links those of the directory. One whose endpoint says the same as before is kept. */
  #follow(): void {
    const { endpoints } = this.#directory;
    if (endpoints === undefined) return;
    const before = new Map(this.#links.map((link) => [link.key, link]));
    this.#links = [...endpoints].map(([key, endpoint]) => {
      const link = before.get(key);
      if (link === undefined || !sameEndpoint(link.endpoint, endpoint)) {
        return new EndpointLink(key, endpoint, this.#setup);
      }
      before.delete(key);
      return link;
    });
    for (const link of before.values()) link.retire();
  }

  #call(signal: AbortSignal | undefined, timeoutMs: number | undefined): BalancedCall {
    signal?.throwIfAborted();
    return new BalancedCall(signal, timeoutMs, this.#setup.clock);
  }

  /** Finds an endpoint for a call and dials it; on with the next when that fails. The link's `end` must follow. */
  async #acquire(call: BalancedCall): Promise<Acquired> {
    while (true) {
      if (this.#closing.signal.aborted) throw closed();
      if (this.#links.length === 0) await this.#somebody(call);
      const link = this.#choose(call);
      if (link === undefined) throw call.unreachable(this.#directory.target);
      link.begin();
      try {
        const opening = link.open();
        const transport = opening instanceof Promise ? await call.until(opening) : opening;
        return { link, transport };
      } catch (error) {
        link.end();
        call.throwIfOver(error);
        call.missed(link, error);
      }
    }
  }

  /** One that the call has not tried; of those that failed of late only when there is no other. */
  #choose(call: BalancedCall): EndpointLink | undefined {
    const left = this.#links.filter((link) => !call.tried.has(link));
    const fit = left.filter((link) => !link.resting);
    const [first, ...others] = fit.length > 0 ? fit : left;
    return first === undefined ? undefined : this.#pick([first, ...others]);
  }

  /** Waits until the directory has an endpoint. */
  async #somebody(call: BalancedCall): Promise<void> {
    let stop = (): void => undefined;
    const found = new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (this.#closing.signal.aborted) reject(closed());
        else if (this.#links.length > 0) resolve();
        else if (isEtcdError(this.#directory.error, "CLOSED")) reject(this.#nobody());
      };
      const unsubscribe = this.#directory.subscribe(look);
      this.#closing.signal.addEventListener("abort", look, { once: true });
      stop = () => {
        unsubscribe();
        this.#closing.signal.removeEventListener("abort", look);
      };
      look();
    });
    const late = (): Error => this.#nobody();
    try {
      await call.until(found, this.#waitTimeoutMs, late);
    } finally {
      stop();
    }
  }

  #nobody(): ConnectError {
    const { target, endpoints, error } = this.#directory;
    const why = endpoints === undefined ? "could not be read" : "are none";
    return new ConnectError(
      `the endpoints of "${target}" ${why}`,
      Code.Unavailable,
      undefined,
      undefined,
      error,
    );
  }
}

/** One call on its way to an endpoint. */
class BalancedCall {
  readonly tried = new Set<EndpointLink>();
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  /** By the clock; `Infinity` for none. */
  readonly #deadline: number;
  #lastFailure: unknown;

  constructor(signal: AbortSignal | undefined, timeoutMs: number | undefined, clock: Clock) {
    this.#signal = signal;
    this.#clock = clock;
    // Connect's way to ask for no deadline is one that is not positive.
    this.#deadline =
      timeoutMs !== undefined && timeoutMs > 0 ? clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
  }

  /** What is left of the call's time, in whole milliseconds, as headers tell it; `undefined` for a call without deadline. */
  leftMs(): number | undefined {
    if (this.#deadline === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(1, Math.ceil(this.#deadline - this.#clock.now()));
  }

  /** Waits, but no longer than the call may take or than `timeoutMs`. */
  async until<T>(promise: Promise<T>, timeoutMs = Number.POSITIVE_INFINITY, late?: () => Error): Promise<T> {
    const leftMs = this.#deadline - this.#clock.now();
    const isSooner = leftMs <= timeoutMs;
    return await within(promise, {
      signal: this.#signal,
      timeoutMs: isSooner ? leftMs : timeoutMs,
      clock: this.#clock,
      late: isSooner || late === undefined ? () => this.#late(late?.()) : late,
    });
  }

  /** An endpoint could not be reached. */
  missed(link: EndpointLink, error: unknown): void {
    link.failed();
    this.tried.add(link);
    this.#lastFailure = error;
  }

  /** Throws what ended the call, if that was not the endpoint. */
  throwIfOver(error: unknown): void {
    this.#signal?.throwIfAborted();
    if (this.#deadline <= this.#clock.now()) throw error instanceof DeadlineError ? error : this.#late(error);
  }

  /** The error of a call for which no endpoint is left. */
  unreachable(target: string): unknown {
    const text = `no endpoint of "${target}" can be reached`;
    return new ConnectError(text, Code.Unavailable, undefined, undefined, this.#lastFailure);
  }

  #late(cause: unknown): ConnectError {
    return new DeadlineError(cause ?? this.#lastFailure);
  }
}

/** The time of a call was up on this side, while it waited for an endpoint. */
class DeadlineError extends ConnectError {
  constructor(cause: unknown) {
    super(
      "no endpoint could be reached in the time of the call",
      Code.DeadlineExceeded,
      undefined,
      undefined,
      cause,
    );
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(DeadlineError, value);
  }
}

function closed(): ConnectError {
  return new ConnectError("the transport was closed", Code.Unavailable);
}

/** gRPC in plaintext. */
function plaintext({ address }: Endpoint): EndpointConnection {
  const target = parseAddress(address);
  const host = "host" in target ? target.host : "localhost";
  const authority = "host" in target ? address : "localhost";
  return createHttp2Transport({ endpoint: { target, tls: false, authority, serverName: host } });
}
