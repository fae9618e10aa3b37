import type { Transport } from "@connectrpc/connect";
import type { ConnectionState } from "@etcdkit/transport";
import type { CallOptions } from "../call-options.js";
import { EtcdError } from "../errors/etcd-error.js";
import { Cluster } from "../gen/etcdserverpb/rpc_pb.js";
import { callChecks, checkOptions, optionTable } from "../options.js";
import { AutoSync } from "./auto-sync.js";
import { Balancer } from "./balancer.js";
import { CallHeaders } from "./call-headers.js";
import { Caller, type CallerSetup } from "./caller.js";
import { guardCredentials, type ResolvedOptions } from "./connect-options.js";
import type { Connection } from "./connection.js";
import { callContext } from "./context.js";
import { type Endpoint, parseEndpoint, parseEndpoints } from "./endpoint.js";
import { type ConnectionEvent, ConnectionEvents } from "./events.js";
import { intercepted } from "./interceptors.js";
import { LogIn } from "./log-in.js";
import { memberEndpoints } from "./member-endpoints.js";
import { effortTimeoutMs } from "./prerequisite.js";
import type { Subchannel } from "./subchannel.js";
import { SubchannelPool } from "./subchannel-pool.js";
import { Tokens } from "./tokens.js";
import { type OpenMembers, VersionCheck, type VersionCheckSetup } from "./version-check.js";

const readyOptions = optionTable("ready", {
  signal: callChecks.signal,
  timeoutMs: callChecks.timeoutMs,
});
const syncOptions = optionTable("sync", callChecks);
const eventsOptions = optionTable("events", { signal: callChecks.signal });

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
  readonly #versionCheck: VersionCheck;
  readonly #autoSync: AutoSync;
  readonly #closing = new AbortController();
  #unfollow: () => void = () => undefined;
  #endpoints: readonly Endpoint[];
  #closed: EtcdError | undefined;
  #closure: Promise<void> | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#endpoints = options.endpoints;
    this.#pool = new SubchannelPool(options, () => this.#onLink(), this.#emit);
    this.#balancer = this.#balancerOver(this.#pool.replace(options.endpoints), options.balancing);
    const effort = { signal: this.signal, timeoutMs: effortTimeoutMs(options) };
    const logIn = new LogIn({
      ...effort,
      caller: (onCall) =>
        this.#callerOver(this.#balancer, {
          headers: new CallHeaders(),
          tokens: undefined,
          admission: undefined,
          onCall,
        }),
    });
    this.#tokens = new Tokens(
      options.credentials,
      logIn,
      (authEnabled) => this.#emit({ type: "logged-in", authEnabled }),
      { ...effort, clock: options.clock },
    );
    this.#versionCheck = new VersionCheck({
      ...effort,
      wanted: options.rejectOldCluster,
      open: (onCall) => this.#openMembers(onCall),
    });
    this.#autoSync = new AutoSync({
      intervalMs: options.autoSyncIntervalMs,
      clock: options.clock,
      logger: options.logger,
      sync: (timeoutMs) => this.sync({ timeoutMs }),
      failed: (error) => this.#emit({ type: "sync-failed", error }),
    });
    this.transport = this.#transportOver(this.#balancer);
    this.#follow(options.signal);
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
    this.#autoSync.stop();
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

  #callerOver(balancer: Balancer, other: Partial<CallerSetup> = {}): Caller {
    return new Caller({
      options: this.#options,
      balancer,
      headers: this.#headers,
      tokens: this.#tokens,
      admission: this.#versionCheck,
      closed: () => this.#closed,
      closing: this.#closing.signal,
      ...other,
    });
  }

  /** A transport to each endpoint. Calls over them wait for no version check: they are the check. */
  #openMembers(onCall: Parameters<VersionCheckSetup["open"]>[0]): OpenMembers {
    const transports = new Map<string, Transport>();
    const balancers = this.#endpoints.map((endpoint) => {
      const { url } = endpoint;
      const balancer = this.#balancerOver(this.#pool.linksTo(endpoint));
      const setup: Partial<CallerSetup> = { admission: undefined, onCall: (call) => onCall(url, call) };
      transports.set(url, this.#callerOver(balancer, setup));
      return balancer;
    });
    const close = (): void => {
      for (const balancer of balancers) this.#balancers.delete(balancer);
    };
    return { transports, close };
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
    if (this.endpoints().join() === before) return;
    this.#versionCheck.restart();
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
}
