import { Code } from "@connectrpc/connect";
import type { Clock } from "./clock.js";
import type { ConnectionState, ConnectionWait, TransportEvent } from "./endpoint-transport.js";
import { dialFailure } from "./handshake-failure.js";
import { TransportError } from "./transport-error.js";

/** A connection as far as its link looks after it. */
export interface LinkConnection {
  /** Whether it takes new requests. */
  readonly open: boolean;
  /** Ends it at once, with every request on it. Idempotent. */
  close(reason: Error): void;
}

/**
 * The link to one endpoint: at most one connection that takes new requests, and those before it that still serve old
 * ones. See {@link ConnectionState} for its states; it moves on by `connect`, by what happens to its connection, and by
 * `close`.
 */
export class Link<C extends LinkConnection> {
  readonly #clock: Clock;
  readonly #open: (signal: AbortSignal) => Promise<C>;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  readonly #draining = new Set<C>();
  #connection: C | undefined;
  #dialing: Promise<void> | undefined;
  #abortDial: ((reason: unknown) => void) | undefined;
  #state: ConnectionState = "idle";

  /** @param open - Dials; rejects with `signal.reason` on abort. */
  constructor(clock: Clock, open: (signal: AbortSignal) => Promise<C>) {
    this.#clock = clock;
    this.#open = open;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The connection for new requests. */
  get connection(): C | undefined {
    return this.#connection;
  }

  subscribe(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connect(signal: AbortSignal, { background = false }: ConnectionWait = {}): Promise<void> {
    if (this.#state === "closed") return Promise.reject(closed());
    if (this.#state === "ready") return Promise.resolve();
    this.#dialing ??= this.#dial(signal).finally(() => {
      this.#dialing = undefined;
    });
    if (background) return this.#dialing;
    const letGo = this.#clock.setTimer(Number.POSITIVE_INFINITY, () => undefined, true);
    return this.#dialing.finally(letGo);
  }

  /** A connection takes no new requests from now on. */
  drains(connection: C, reason: unknown): void {
    this.#draining.add(connection);
    this.#leave(connection, reason);
  }

  /** Nothing is left of a connection. */
  ended(connection: C, reason: unknown): void {
    this.#draining.delete(connection);
    this.#leave(connection, reason);
  }

  /** Ends the link, a dial that is under way, and every request. Idempotent. */
  close(): void {
    this.#enter("closed", undefined);
    const reason = new Error("the transport was closed");
    this.#abortDial?.(closed());
    this.#connection?.close(reason);
    for (const connection of this.#draining) connection.close(reason);
  }

  async #dial(signal: AbortSignal): Promise<void> {
    this.#enter("connecting", undefined);
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#abortDial = (reason) => ending.abort(reason);
    try {
      const connection = await this.#open(ending.signal);
      if (ending.signal.aborted) {
        connection.close(new Error("the dial was given up"));
        throw ending.signal.reason;
      }
      // It may have come and gone in one breath.
      if (!connection.open) throw new Error("the server closed the connection");
      this.#connection = connection;
      this.#enter("ready", undefined);
    } catch (cause) {
      const error = ending.signal.aborted ? ending.signal.reason : dialFailure(cause);
      this.#enter("failed", error);
      throw error;
    } finally {
      this.#abortDial = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  #leave(connection: C, reason: unknown): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#enter("idle", reason);
  }

  #enter(state: ConnectionState, reason: unknown): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    for (const listener of this.#listeners) listener(reason === undefined ? { state } : { state, reason });
  }
}

function closed(): TransportError {
  return new TransportError("link", "the transport is closed", Code.Unavailable, "unsent");
}
