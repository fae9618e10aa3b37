import type {
  CancelTimer,
  Clock,
  ConnectionState,
  EndpointTransport,
  TransportEvent,
} from "@etcdkit/transport";
import { failureText } from "@etcdkit/transport";
import { EtcdError } from "../errors/etcd-error.js";
import { classifyLink, printable } from "../errors/from-transport.js";
import { dialBackOff, healthyAfterMs, pauseMs } from "./back-off.js";
import type { Endpoint } from "./endpoint.js";

/** Why an endpoint could not be reached. */
export interface LinkFailure {
  readonly error: EtcdError;
  /** It cannot work until somebody changes something: TLS, a certificate, not HTTP/2, not gRPC. */
  readonly forGood: boolean;
}

/** What a subchannel is made of. */
export interface SubchannelSetup {
  readonly endpoint: Endpoint;
  readonly transport: EndpointTransport;
  readonly dialTimeoutMs: number;
  readonly clock: Clock;
  /** Called after each change of state, health or failure. */
  readonly onChange: (subchannel: Subchannel) => void;
}

/**
 * Keeps the link to one endpoint up, from the first time that somebody asks for it: dials, pauses with jitter after a
 * failure, dials again, also while nobody waits, so that a member that comes back is there for the next call. Its timers
 * never keep the process alive.
 */
export class Subchannel {
  readonly endpoint: Endpoint;
  readonly transport: EndpointTransport;
  readonly #setup: SubchannelSetup;
  readonly #unsubscribe: () => void;
  #closed = false;
  #leaving = false;
  #calls = 0;
  #serving = true;
  #failures = 0;
  #failure: LinkFailure | undefined;
  /** The link is up, but what answers is not etcd. Cleared after a pause, for another try. */
  #rejected = false;
  #readyAt = 0;
  #wasReady = false;
  #dialling: AbortController | undefined;
  #cancelRetry: CancelTimer | undefined;

  constructor(setup: SubchannelSetup) {
    this.endpoint = setup.endpoint;
    this.transport = setup.transport;
    this.#setup = setup;
    this.#unsubscribe = setup.transport.subscribe((event) => this.#onTransport(event));
  }

  get state(): ConnectionState {
    if (this.#closed) return "closed";
    if (this.#linked) return this.#rejected ? "failed" : "ready";
    if (this.#dialling !== undefined) return "connecting";
    return this.#failure === undefined ? "idle" : "failed";
  }

  /** Whether a call may be sent here now. */
  get usable(): boolean {
    return !(this.#closed || this.#leaving || this.#rejected) && this.#serving && this.#linked;
  }

  /**
   * Why no call can be sent here. A failure for good counts until a dial succeeds: endpoints that fail in turn are never
   * all between two dials at the same moment. Any other failure counts until the next dial.
   */
  get failure(): LinkFailure | undefined {
    return this.#dialling === undefined || this.#failure?.forGood === true ? this.#failure : undefined;
  }

  /** Why the endpoint was last out of reach, also while it is dialled again. */
  get lastError(): EtcdError | undefined {
    return this.#failure?.error;
  }

  /** What the member says of itself; one that does not serve is passed over. */
  get serving(): boolean {
    return this.#serving;
  }

  set serving(serving: boolean) {
    if (this.#serving === serving) return;
    this.#serving = serving;
    this.#setup.onChange(this);
  }

  /** Asks for the link. Does nothing while it is up, being dialled, or pausing after a failure. */
  want(): void {
    if (this.#closed || this.#dialling !== undefined || this.#cancelRetry !== undefined) return;
    if (!this.#linked) this.#dial();
  }

  /**
   * A call showed that what answers here is not an etcd server: as good as a failed dial. After the pause of one, the
   * next call finds out whether that has changed.
   */
  reject(error: EtcdError): void {
    if (this.#closed || this.#rejected || !this.#linked) return;
    this.#rejected = true;
    this.#failed({ error, forGood: true });
  }

  /** How many calls are under way here, streams among them. */
  get calls(): number {
    return this.#calls;
  }

  /** A call begins. */
  begin(): void {
    this.#calls++;
  }

  /** A call ended. */
  end(): void {
    this.#calls--;
    if (this.#leaving && this.#calls === 0) void this.close();
  }

  /** The endpoint left the list: takes no new calls and closes with the last one under way. */
  leave(): void {
    this.#leaving = true;
    if (this.#calls === 0) void this.close();
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#dialling?.abort(new Error("the connection was closed"));
    this.#dialling = undefined;
    this.#unsubscribe();
    this.#setup.onChange(this);
    return this.transport.close();
  }

  #dial(): void {
    const { clock, dialTimeoutMs } = this.#setup;
    const attempt = new AbortController();
    this.#dialling = attempt;
    const cancelTimeout = clock.setTimer(
      dialTimeoutMs,
      () => attempt.abort(new Error(`no connection within ${dialTimeoutMs} ms`)),
      false,
    );
    this.#setup.onChange(this);
    this.transport.connect(attempt.signal, { background: true }).then(
      () => {
        cancelTimeout();
        if (this.#dialling !== attempt) return;
        this.#dialling = undefined;
        // What it told of its end while it was being dialled went unheard; calls that wait would wait for ever.
        if (this.#linked) this.#up();
        else this.#failed(this.#describe(new Error("the connection ended as soon as it was there")));
      },
      (reason: unknown) => {
        cancelTimeout();
        if (this.#dialling !== attempt) return;
        this.#dialling = undefined;
        this.#failed(this.#describe(reason));
      },
    );
  }

  get #linked(): boolean {
    return this.transport.state === "ready";
  }

  #up(): void {
    this.#failure = undefined;
    this.#rejected = false;
    this.#readyAt = this.#setup.clock.now();
    this.#wasReady = true;
    this.#setup.onChange(this);
  }

  #failed(failure: LinkFailure): void {
    this.#failure = failure;
    this.#failures++;
    this.#retryAfter(pauseMs(dialBackOff, this.#failures));
    this.#setup.onChange(this);
  }

  #retryAfter(delayMs: number): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#setup.clock.setTimer(
      delayMs,
      () => {
        this.#cancelRetry = undefined;
        if (!this.#linked) this.#dial();
        else if (this.#rejected) {
          this.#rejected = false;
          this.#failure = undefined;
          this.#setup.onChange(this);
        }
      },
      false,
    );
  }

  #onTransport({ state, reason }: TransportEvent): void {
    if (this.#closed || this.#dialling !== undefined || state === "ready" || state === "connecting") return;
    if (!this.#wasReady) return;
    this.#wasReady = false;
    this.#rejected = false;
    // A link that was up for long is dialled again at once; one that keeps breaking has to wait its turn.
    if (this.#setup.clock.now() - this.#readyAt >= healthyAfterMs) this.#failures = 0;
    const failure = this.#describe(reason ?? new Error("the connection ended"));
    if (failure.forGood || this.#failures > 0) {
      this.#failed(failure);
      return;
    }
    this.#failure = failure;
    this.#failures = 1;
    this.#dial();
  }

  #describe(reason: unknown): LinkFailure {
    const code = classifyLink(reason);
    const { url } = this.endpoint;
    const error = new EtcdError(code, `${url}: ${printable(failureText(reason))}`, {
      endpoint: url,
      cause: reason,
    });
    return { error, forGood: code !== "UNAVAILABLE" };
  }
}
