import { Code, ConnectError } from "@connectrpc/connect";
import { type BackOff, type Clock, pauseMs } from "@etcdkit/core";
import type { Endpoint } from "../endpoint.js";
import { within } from "../within.js";
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
  #retired = false;

  constructor(key: string, endpoint: Endpoint, setup: LinkSetup) {
    this.key = key;
    this.endpoint = endpoint;
    this.#setup = setup;
  }

  /** Whether it failed of late. */
  get resting(): boolean {
    return this.#restsUntil > this.#setup.clock.now();
  }

  /** A call is given to it; {@link EndpointLink.end} must follow. */
  begin(): void {
    this.#calls += 1;
  }

  /** A call is over. */
  end(): void {
    this.#calls -= 1;
    if (this.#retired && this.#calls === 0) this.close();
  }

  /** It left the directory: calls under way end as they would, then it closes. */
  retire(): void {
    this.#retired = true;
    if (this.#calls === 0) this.close();
  }

  /** It could not be reached. */
  failed(): void {
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
    const dial = new AbortController();
    const { signal } = this.#closing;
    const onClose = (): void => dial.abort(signal.reason);
    signal.addEventListener("abort", onClose, { once: true });
    if (signal.aborted) onClose();
    const late = (): Error =>
      new ConnectError(`the endpoint was not reached within ${timeoutMs} ms`, Code.Unavailable);
    try {
      const connected = Promise.resolve(transport.connect?.(dial.signal));
      await within(connected, { signal: dial.signal, timeoutMs, clock, late });
    } catch (error) {
      dial.abort(error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onClose);
    }
  }

  /** Ends the link and, as far as the transport can, the calls on it. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new ConnectError("the transport was closed", Code.Unavailable));
    const transport = this.#transport;
    if (transport?.close === undefined) return;
    try {
      // How the link ends is of no interest to anybody any more.
      void Promise.resolve(transport.close()).catch(() => undefined);
    } catch {
      // Neither is this.
    }
  }
}
