import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "@etcdkit/core";
import { type BackOff, CallLimits, pauseMs } from "@etcdkit/core/spi";
import type { Endpoint } from "../endpoint.js";
import type { EndpointConnection } from "./endpoint-connection.js";

/** How an endpoint is dialled. */
export interface LinkSetup {
  readonly createTransport: (endpoint: Endpoint) => EndpointConnection;
  readonly dialTimeoutMs: number;
  readonly clock: Clock;
}

/** For how long an endpoint that failed is asked only when no other is left. */
const rest: BackOff = { baseMs: 1_000, capMs: 30_000, jitter: 0.2 };

/** One endpoint of the directory, with its transport and what is known of it. */
export class EndpointLink {
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly #setup: LinkSetup;
  readonly #closing = new AbortController();
  #transport: EndpointConnection | undefined;
  #dialing: Promise<void> | undefined;
  #calls = 0;
  #failures = 0;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #whenIdle: (() => void) | undefined;
  #closure: Promise<void> | undefined;

  constructor(key: string, endpoint: Endpoint, setup: LinkSetup) {
    this.key = key;
    this.endpoint = endpoint;
    this.#setup = setup;
  }

  /** Whether it failed of late. */
  get resting(): boolean {
    return this.#restsUntil > this.#setup.clock.now();
  }

  /** Whether it is to get no calls any more: it left the directory, or was closed. */
  get gone(): boolean {
    return this.#whenIdle !== undefined || this.#closure !== undefined;
  }

  /** A call is given to it; {@link EndpointLink.end} must follow. */
  begin(): void {
    this.#calls += 1;
  }

  /** A call is over. */
  end(): void {
    this.#calls -= 1;
    if (this.#calls === 0) this.#whenIdle?.();
  }

  /** It left the directory: calls under way end as they would, then `whenIdle` is called. */
  retire(whenIdle: () => void): void {
    this.#whenIdle = whenIdle;
    if (this.#calls === 0) whenIdle();
  }

  /** It could not be reached. What fails while it rests is the same failure: calls wait for one dial together. */
  failed(): void {
    if (this.resting) return;
    this.#failures += 1;
    this.#restsUntil = this.#setup.clock.now() + pauseMs(rest, this.#failures);
  }

  /** It was reached. */
  worked(): void {
    this.#failures = 0;
    this.#restsUntil = Number.NEGATIVE_INFINITY;
  }

  /**
   * The transport, with its link up as far as it can be told. Rejects when there is none to be had; nothing was sent then.
   */
  open(): EndpointConnection | Promise<EndpointConnection> {
    this.#transport ??= this.#setup.createTransport(this.endpoint);
    const transport = this.#transport;
    if (transport.connect === undefined || transport.state === "ready") return transport;
    // One dial for all that wait for it. None of them can end it for the others.
    this.#dialing ??= this.#dial(transport).finally(() => {
      this.#dialing = undefined;
    });
    return this.#dialing.then(() => transport);
  }

  async #dial(transport: EndpointConnection): Promise<void> {
    const { dialTimeoutMs: timeoutMs, clock } = this.#setup;
    const limits = new CallLimits("the dial of the endpoint", { timeoutMs }, clock);
    limits.follow(this.#closing.signal);
    try {
      await limits.race(Promise.resolve(transport.connect?.(limits.signal)));
    } finally {
      limits.end();
    }
  }

  /** Ends the link and, as far as the transport can, the calls on it. Idempotent. Never rejects. */
  close(): Promise<void> {
    this.#closure ??= this.#close();
    return this.#closure;
  }

  async #close(): Promise<void> {
    this.#closing.abort(linkClosed());
    try {
      await this.#transport?.close?.();
    } catch {
      // How the link ends is of no interest to anybody any more.
    }
  }
}

/** What calls are refused with once the transport was closed. */
export function linkClosed(): ConnectError {
  return new ConnectError("the transport was closed", Code.Unavailable);
}
