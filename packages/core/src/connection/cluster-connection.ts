import type { Transport } from "@connectrpc/connect";
import type { CancelTimer, ConnectionState } from "@etcdkit/transport";
import { failureText } from "@etcdkit/transport";
import type { CallOptions } from "../call-options.js";
import { EtcdError, isEtcdError } from "../errors/etcd-error.js";
import { Auth, Cluster } from "../gen/etcdserverpb/rpc_pb.js";
import { callChecks, checkOptions, optionTable } from "../options.js";
import { Balancer } from "./balancer.js";
import { CallHeaders } from "./call-headers.js";
import { Caller } from "./caller.js";
import { checkClusterVersion } from "./cluster-version.js";
import { guardCredentials, type ResolvedOptions } from "./connect-options.js";
import type { Connection } from "./connection.js";
import { callContext } from "./context.js";
import { type Endpoint, parseEndpoint, parseEndpoints } from "./endpoint.js";
import { type ConnectionEvent, ConnectionEvents } from "./events.js";
import { intercepted } from "./interceptors.js";
import { memberEndpoints } from "./member-endpoints.js";
import type { Subchannel } from "./subchannel.js";
import { SubchannelPool } from "./subchannel-pool.js";
import { Tokens } from "./tokens.js";

const readyOptions = optionTable("ready", {
  signal: callChecks.signal,
  timeoutMs: callChecks.timeoutMs,
});
const syncOptions = optionTable("sync", callChecks);
const eventsOptions = optionTable("events", { signal: callChecks.signal });

// How long one synchronisation with the member list may take when nobody waits for it.
const autoSyncTimeoutMs = 5_000;

/** {@link Connection}, put together from its parts. */
export class ClusterConnection implements Connection {
  readonly transport: Transport;
  readonly #options: ResolvedOptions;
  readonly #events = new ConnectionEvents();
  readonly #balancer: Balancer;
  /** Every balancer whose calls may be waiting for a link. */
  readonly #balancers = new Set<Balancer>();
  readonly #pinned = new Map<string, Balancer>();
  readonly #pool: SubchannelPool;
  readonly #headers = new CallHeaders();
  readonly #tokens: Tokens;
  readonly #closing = new AbortController();
  #unfollow: () => void = () => undefined;
  #endpoints: readonly Endpoint[];
  #cancelAutoSync: CancelTimer | undefined;
  #versionCheck: Promise<void> | undefined;
  #versionChecked: boolean;
  #closed: EtcdError | undefined;
  #closure: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#endpoints = options.endpoints;
    this.#versionChecked = !options.rejectOldCluster;
    this.#pool = new SubchannelPool(options, () => this.#onLink(), this.#emit);
    this.#balancer = this.#balancerOver(this.#pool.replace(options.endpoints), options.balancing);
    this.#tokens = new Tokens(
      options.credentials,
      (request) => this.#logIn(request),
      (authEnabled) => this.#emit({ type: "logged-in", authEnabled }),
    );
    this.transport = this.#transportOver(this.#balancer);
    this.#follow(options.signal);
    this.#scheduleAutoSync();
  }

  /** Which side of the line between TLS and plaintext the connection is on; it never changes. */
  get #tls(): boolean {
    return this.#endpoints[0]?.tls ?? false;
  }

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  async ready(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<void> {
    checkOptions(readyOptions, call);
    // Nothing is asked of the cluster that an ordinary call would not wait for: a link, the log-in, the version check.
    await this.#callerOver(this.#balancer).ready(call?.signal, call?.timeoutMs);
  }

  endpoint(url: string): Transport {
    const endpoint = parseEndpoint(url, this.#tls);
    if (endpoint.tls !== this.#tls) {
      throw new TypeError(
        `endpoint ${endpoint.url}: the connection ${this.#tls ? "uses" : "does not use"} TLS and cannot mix`,
      );
    }
    guardCredentials(this.#options, [endpoint]);
    return this.#transportOver(this.#balancerOf(endpoint));
  }

  endpoints(): readonly string[] {
    return this.#endpoints.map((endpoint) => endpoint.url);
  }

  setEndpoints(endpoints: string | readonly string[]): void {
    this.#use(parseEndpoints(endpoints, this.#tls));
  }

  async sync(call?: CallOptions): Promise<void> {
    checkOptions(syncOptions, call);
    const { memberList } = Cluster.method;
    const request = { linearizable: true };
    const context = callContext(call);
    const answer = await this.transport.unary(
      memberList,
      call?.signal,
      call?.timeoutMs,
      call?.headers,
      request,
      context,
    );
    const endpoints = memberEndpoints(answer.message.members, this.#tls);
    if (endpoints.length === 0) {
      throw new EtcdError("NO_ENDPOINTS", "the member list offers no endpoint that this connection may use");
    }
    this.#use(endpoints);
  }

  states(): ReadonlyMap<string, ConnectionState> {
    return new Map(this.#endpoints.map((endpoint) => [endpoint.url, this.#pool.state(endpoint)]));
  }

  events(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<ConnectionEvent> {
    checkOptions(eventsOptions, options);
    return this.#events.read(options?.signal);
  }

  close(): Promise<void> {
    this.#closure ??= this.#close();
    return this.#closure;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = new EtcdError("CLOSED", "the connection is closed");
    this.#closed = closed;
    this.#unfollow();
    this.#cancelAutoSync?.();
    this.#closing.abort(closed);
    for (const balancer of this.#balancers) balancer.close(closed);
    this.#tokens.clear();
    await this.#pool.close();
    this.#events.close();
  }

  readonly #emit = (event: ConnectionEvent): void => this.#events.emit(event);

  #transportOver(balancer: Balancer): Transport {
    return intercepted(this.#callerOver(balancer), this.#options.interceptors);
  }

  #callerOver(balancer: Balancer, admission?: () => undefined): Caller {
    return new Caller({
      options: this.#options,
      balancer,
      headers: this.#headers,
      tokens: this.#tokens,
      admission: admission ?? (() => (this.#versionChecked ? undefined : this.#checkVersion())),
      closed: () => this.#closed,
    });
  }

  async #logIn(request: Parameters<ConstructorParameters<typeof Tokens>[1]>[0]): Promise<string> {
    const caller = new Caller({
      options: this.#options,
      balancer: this.#balancer,
      headers: new CallHeaders(),
      tokens: undefined,
      admission: () => undefined,
      closed: () => this.#closed,
    });
    // Logging in twice does no harm.
    const context = callContext({ idempotent: true });
    const { authenticate } = Auth.method;
    const answer = await caller.unary(authenticate, this.signal, undefined, undefined, request, context);
    return answer.message.token;
  }

  /** One check for all calls that wait for it; one that fails is made again for the next call. */
  #checkVersion(): Promise<void> {
    this.#versionCheck ??= this.#askVersions().then(
      () => {
        this.#versionChecked = true;
      },
      (error: unknown) => {
        this.#versionCheck = undefined;
        throw error;
      },
    );
    return this.#versionCheck;
  }

  async #askVersions(): Promise<void> {
    const members = new Map<string, Transport>();
    const balancers = this.#endpoints.map((endpoint) => {
      const balancer = this.#balancerOver(this.#pool.linksTo(endpoint));
      members.set(
        endpoint.url,
        this.#callerOver(balancer, () => undefined),
      );
      return balancer;
    });
    try {
      await checkClusterVersion(members, { signal: this.signal });
    } finally {
      for (const balancer of balancers) this.#balancers.delete(balancer);
    }
  }

  /** The one member to choose from for calls that are pinned to it. */
  #balancerOf(endpoint: Endpoint): Balancer {
    let balancer = this.#pinned.get(endpoint.url);
    if (balancer === undefined) {
      balancer = this.#balancerOver(this.#closed === undefined ? this.#pool.pin(endpoint) : []);
      if (this.#closed !== undefined) balancer.close(this.#closed);
      this.#pinned.set(endpoint.url, balancer);
    }
    return balancer;
  }

  #balancerOver(links: readonly Subchannel[], policy: ResolvedOptions["balancing"] = "pick-first"): Balancer {
    const balancer = new Balancer(this.#options.clock, policy);
    balancer.use(links);
    this.#balancers.add(balancer);
    return balancer;
  }

  #use(endpoints: readonly Endpoint[]): void {
    const other = endpoints.find((endpoint) => endpoint.tls !== this.#tls);
    if (other !== undefined) {
      throw new TypeError(
        `endpoint ${other.url}: the connection ${this.#tls ? "uses" : "does not use"} TLS and cannot change`,
      );
    }
    guardCredentials(this.#options, endpoints);
    if (this.#closed !== undefined) throw this.#closed;
    const before = this.endpoints().join();
    this.#endpoints = endpoints;
    this.#balancer.use(this.#pool.replace(endpoints));
    if (this.endpoints().join() !== before)
      this.#emit({ type: "endpoints-changed", endpoints: this.endpoints() });
  }

  #onLink(): void {
    for (const balancer of this.#balancers) balancer.changed();
  }

  #follow(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const onAbort = (): void => void this.close();
    this.#unfollow = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  }

  #scheduleAutoSync(): void {
    const { autoSyncIntervalMs, clock, logger } = this.#options;
    if (autoSyncIntervalMs === undefined || this.#closed !== undefined) return;
    this.#cancelAutoSync = clock.setTimer(
      autoSyncIntervalMs,
      () => {
        this.sync({ timeoutMs: autoSyncTimeoutMs })
          .catch((reason: unknown) => {
            if (this.#closed !== undefined) return;
            const error = isEtcdError(reason)
              ? reason
              : new EtcdError("UNAVAILABLE", failureText(reason), { cause: reason });
            logger.warn("could not read the member list", { code: error.code, message: error.message });
            this.#emit({ type: "sync-failed", error });
          })
          .finally(() => this.#scheduleAutoSync());
      },
      false,
    );
  }
}
