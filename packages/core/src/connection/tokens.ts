import { create } from "@bufbuild/protobuf";
import type { Clock } from "@etcdkit/transport";
import { type EtcdError, isEtcdError } from "../errors/etcd-error.js";
import { type AuthenticateRequest, AuthenticateRequestSchema } from "../gen/etcdserverpb/rpc_pb.js";
import type { Credentials } from "./credentials.js";
import type { LogIn } from "./log-in.js";
import type { Delay, Prerequisite } from "./prerequisite.js";
import { type Effort, TokenProvider } from "./token-provider.js";

// A token this young is known to the member that gave it; one that lags behind refuses it until it has heard of it.
const settlingMs = 200;

// What is waited for by who waits for it.
const providerDelay: Delay = { what: "the function given as `credentials.token`" };

function authenticateRequest(name: string, password: string): AuthenticateRequest {
  return create(AuthenticateRequestSchema, { name, password });
}

/**
 * The one token of a connection. It is fetched when the first call needs it, once however many calls wait for it, and
 * again when a server refuses it. The old token stays in use until the new one is there.
 */
export class Tokens implements Prerequisite {
  readonly #fetch: (() => Promise<string>) | undefined;
  readonly #delay: () => Delay;
  readonly #renewable: boolean;
  /** Whether members hear of a token one after the other; one that a program provides is valid everywhere or nowhere. */
  readonly #settles: boolean;
  readonly #onLogIn: (authEnabled: boolean) => void;
  readonly #clock: Clock;
  #token: string | undefined;
  /** When the token was fetched, on the clock of the connection. */
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetched: boolean;
  #fetching: Promise<void> | undefined;

  /**
   * @param logIn - Rejects with `AUTH_NOT_ENABLED` when the cluster wants no token.
   * @param effort - How long a function that provides tokens is waited for at a time.
   */
  constructor(
    credentials: Credentials | undefined,
    logIn: Pick<LogIn, "authenticate" | "delay">,
    onLogIn: (authEnabled: boolean) => void,
    effort: Effort,
  ) {
    this.#clock = effort.clock;
    this.#onLogIn = onLogIn;
    this.#settles = credentials?.username !== undefined;
    this.#delay = credentials?.token === undefined ? () => logIn.delay : () => providerDelay;
    if (credentials === undefined) {
      this.#fetched = true;
      this.#renewable = false;
    } else if (credentials.token !== undefined) {
      const { token } = credentials;
      this.#renewable = typeof token === "function";
      this.#fetched = typeof token === "string";
      if (typeof token === "string") this.#token = token;
      else {
        const provider = new TokenProvider(token, effort);
        this.#fetch = () => provider.get();
      }
    } else {
      const request = authenticateRequest(credentials.username, credentials.password);
      this.#renewable = true;
      this.#fetched = false;
      this.#fetch = () => logIn.authenticate(request);
    }
  }

  /** Whether {@link current} can be used as it is. */
  get ready(): boolean {
    return this.#fetched;
  }

  get delay(): Delay {
    return this.#delay();
  }

  /** The token to send; `undefined` to send none. */
  get current(): string | undefined {
    return this.#token;
  }

  /** Waits for the first token, or for the one being fetched. Rejects with what the log-in rejected with. */
  fetch(): Promise<void> {
    const fetch = this.#fetch;
    if (fetch === undefined) return Promise.resolve();
    this.#fetching ??= this.#renew(fetch).finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /**
   * Decides what to do about a server's refusal of a token.
   *
   * @param used - The token that the refused call carried.
   * @returns `"renew"` to {@link fetch} and try again, `"again"` to try again with the token that another call has fetched
   * meanwhile, `"offer-again"` when the token is so new that the member may not have heard of it yet, `"final"` to report
   * the refusal.
   */
  afterRefusal(error: EtcdError, used: string | undefined): "renew" | "again" | "offer-again" | "final" {
    switch (error.code) {
      case "AUTH_OLD_REVISION":
        // With a client certificate for identity there is no token to renew; the next try sees the new revision.
        if (this.#fetch === undefined) return this.#token === undefined ? "again" : "final";
        break;
      case "INVALID_AUTH_TOKEN":
      case "USER_EMPTY":
        break;
      default:
        return "final";
    }
    if (!this.#renewable) return "final";
    // Another call has renewed it meanwhile.
    if (used !== this.#token) return "again";
    const young = this.#clock.now() - this.#fetchedAt < settlingMs;
    return this.#settles && young && used !== undefined && error.code === "INVALID_AUTH_TOKEN"
      ? "offer-again"
      : "renew";
  }

  /** Whether a stream that is refused with `PERMISSION_DENIED` may have been refused for its token. */
  mayBeStale(error: EtcdError): boolean {
    return error.code === "PERMISSION_DENIED" && this.#renewable && this.#token !== undefined;
  }

  /** A stream that cannot be repeated here was refused: whoever opens the next one gets a fresh token. */
  expire(error: EtcdError, used: string | undefined): void {
    if (this.afterRefusal(error, used) === "renew" || this.mayBeStale(error)) this.#fetched = false;
  }

  /** Forgets the token. */
  clear(): void {
    this.#token = undefined;
  }

  async #renew(fetch: () => Promise<string>): Promise<void> {
    try {
      this.#token = await fetch();
    } catch (error) {
      if (!isEtcdError(error, "AUTH_NOT_ENABLED")) throw error;
      // Nobody wants a token any more; an old one would only be in the way should authentication come back.
      this.#token = undefined;
    }
    this.#fetched = true;
    this.#fetchedAt = this.#clock.now();
    this.#onLogIn(this.#token !== undefined);
  }
}
