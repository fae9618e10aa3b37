import { inspect } from "node:util";
import type { Transport } from "@connectrpc/connect";
import type { Connection, ConnectOptions, Endpoint, EndpointTransport, Logger } from "@etcdkit/core";
import type { EtcdCluster } from "@etcdkit/testing";
import { createHttp2Transport } from "@etcdkit/transport";
import { expect } from "vitest";
import { connectTo } from "../support/connect-to.js";

/** A value that must not show in anything that is said about a write. */
export const secretValue = "canary-value-5d1c";

/** Certificates and keys as text. */
type PemTls = Readonly<Partial<Record<"ca" | "cert" | "key", string | undefined>>>;

/** Options of a connection under observation. */
type WitnessedOptions = Partial<Omit<ConnectOptions, "tls">> & { readonly tls?: PemTls };

/**
 * Sees all that its connections send and say, counts their log-ins at the wire, and holds them to the promise that
 * secrets stay secret: no password, token or value in an error, a log, an event or what `inspect` prints.
 */
export class Witness {
  readonly #secrets = new Set([secretValue]);
  readonly #said: string[] = [];
  #logIns = 0;

  /** How many times Authenticate was sent. */
  get logIns(): number {
    return this.#logIns;
  }

  /** Connects as `connectTo` does, under observation. */
  connect(cluster: EtcdCluster, options: WitnessedOptions = {}): Connection {
    const { auth, tls } = cluster;
    for (const user of auth === undefined ? [] : [auth.root, auth.reader]) this.#secrets.add(user.password);
    if (tls !== undefined) this.#secrets.add(tls.key);
    this.#learn(options.credentials);
    const connection = connectTo(cluster, {
      logger: this.#logger(),
      transport: (endpoint) => this.#tapped(endpoint, options.tls ?? tlsOf(cluster)),
      ...options,
    });
    this.#say(connection);
    void this.#listen(connection);
    return connection;
  }

  /** The rejection of a call, remembered. */
  async failureOf(call: Promise<unknown>): Promise<unknown> {
    try {
      await call;
    } catch (error) {
      this.#say(error);
      return error;
    }
    throw new Error("the call was expected to fail");
  }

  /** To be called when all is over. */
  expectSecretsKept(): void {
    expect(this.#said.length).toBeGreaterThan(0);
    const leaks = [...this.#secrets].filter((secret) => this.#said.some((text) => text.includes(secret)));
    expect(leaks).toEqual([]);
  }

  #learn(credentials: ConnectOptions["credentials"]): void {
    for (const secret of [credentials?.password, credentials?.token]) {
      if (typeof secret === "string") this.#secrets.add(secret);
    }
  }

  #say(what: unknown): void {
    this.#said.push(inspect(what, { depth: 12, showHidden: true, getters: true }), String(what));
    if (what instanceof Error) this.#said.push(what.stack ?? "", JSON.stringify(what));
  }

  #logger(): Logger {
    const log = (message: string, details?: Readonly<Record<string, unknown>>): void => {
      this.#say([message, details]);
    };
    return { debug: log, info: log, warn: log, error: log };
  }

  async #listen(connection: Connection): Promise<void> {
    for await (const event of connection.events()) this.#say(event);
    this.#say(connection);
  }

  /** The usual transport, with a look at what goes out. */
  #tapped(endpoint: Endpoint, tls: PemTls): Transport {
    const transport = createHttp2Transport({ endpoint, tls: () => Promise.resolve(tls) });
    this.#say(transport);
    const tapped: EndpointTransport = {
      get state() {
        return transport.state;
      },
      connect: (...dial) => transport.connect(...dial),
      close: () => transport.close(),
      subscribe: (listener) => transport.subscribe(listener),
      stream: (...call) => transport.stream(...call),
      unary: (method, signal, timeoutMs, header, input, context) => {
        if (method.name === "Authenticate") this.#logIns += 1;
        const token = new Headers(header).get("token");
        if (token !== null) this.#secrets.add(token);
        return transport.unary(method, signal, timeoutMs, header, input, context);
      },
    };
    return tapped;
  }
}

function tlsOf({ tls }: EtcdCluster): PemTls {
  if (tls === undefined) return {};
  return tls.mode === "mutual" ? { ca: tls.ca, cert: tls.cert, key: tls.key } : { ca: tls.ca };
}
