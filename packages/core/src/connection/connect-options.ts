import type { Duplex } from "node:stream";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { type Clock, systemClock } from "@etcdkit/transport";
import { type Check, checkFlag, checkOneOf, checkOptions, checkSignal, optionTable } from "../options.js";
import { type Credentials, checkCredentials } from "./credentials.js";
import { type Endpoint, parseEndpoints } from "./endpoint.js";
import { defaultLogger, guardedLogger, type Logger } from "./logger.js";
import { checkTlsOptions, type TlsSource } from "./tls-options.js";

/** When the link to a member that has fallen silent counts as dead. */
export interface KeepAliveOptions {
  /** Silence before a ping, in milliseconds, at least 5,000: etcd hangs up on clients that ping more often. Default 10,000. */
  readonly intervalMs?: number | undefined;
  /** How long the answer may take, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Ping also while no call is open. etcd answers that by hanging up unless it is configured to allow it. Default `false`. */
  readonly withoutCalls?: boolean | undefined;
}

/** How a call that may be repeated is repeated. */
export interface RetryOptions {
  /** Attempts in all, the first included; 1 means never again. Default 100. */
  readonly maxAttempts?: number | undefined;
  /** Longest first pause, in milliseconds; it doubles with each round over a quorum of endpoints, up to 5 s. Default 25. */
  readonly waitMs?: number | undefined;
  /** Share of the pause that chance decides, 0 to 1. Default 1. */
  readonly jitter?: number | undefined;
}

/** How to reach a cluster. Only `endpoints` is needed. */
export interface ConnectOptions {
  /**
   * Client URLs of the members: `http://`, `https://`, `unix:`, `unixs:` or `host:port` (TLS when `tls` is given). A
   * string may name several, separated by commas. TLS and plaintext cannot be mixed.
   */
  readonly endpoints: string | readonly string[];
  /** How TLS endpoints are verified; without it by Node's authorities. Refused together with `http://` endpoints. */
  readonly tls?: TlsSource | undefined;
  /** User name and password, or a token such as a JWT. */
  readonly credentials?: Credentials | undefined;
  /** Permits `credentials` over plaintext to other machines, or over TLS that is not verified. Default `false`. */
  readonly allowInsecureCredentials?: boolean | undefined;
  /** The longest a call may take, in milliseconds, unless it says otherwise. Default 10,000: longer than a member needs to say why it cannot serve (7 s). */
  readonly callTimeoutMs?: number | undefined;
  /** The longest one attempt to connect may take, in milliseconds. Default 2,000. */
  readonly dialTimeoutMs?: number | undefined;
  /** When a silent link counts as dead; `false` never pings. */
  readonly keepAlive?: KeepAliveOptions | false | undefined;
  /**
   * How calls that may be repeated are repeated: reads, writes that provably were not applied, and writes that their
   * caller calls `idempotent`. Whatever it says, no call goes on beyond its deadline. Default: up to 100 attempts, with
   * pauses from 25 ms.
   */
  readonly retry?: RetryOptions | undefined;
  /** `round-robin` (default) spreads calls over the members, `pick-first` stays with the first that is ready. */
  readonly balancing?: "round-robin" | "pick-first" | undefined;
  /**
   * Links per endpoint, 1 to 64; a call takes the one with the fewest calls. More than one is of use where a server limits
   * the streams of a connection. Default 1.
   */
  readonly connectionsPerEndpoint?: number | undefined;
  /** Largest request, in bytes. Default 2 MiB, just above what a server takes by default (1.5 MiB), so that its error shows. */
  readonly maxSendBytes?: number | undefined;
  /** Largest answer, in bytes. Default 2^31-1. */
  readonly maxReceiveBytes?: number | undefined;
  /** Compresses requests. Answers may be compressed in any case. */
  readonly compression?: "gzip" | undefined;
  /** Asks the cluster for its members this often, in milliseconds, and uses their URLs. Default: never. */
  readonly autoSyncIntervalMs?: number | undefined;
  /** Refuses (`OLD_CLUSTER`) every call when a member runs an etcd older than the minor release before this client's. Default `false`. */
  readonly rejectOldCluster?: boolean | undefined;
  /** Passes over members that report NOT_SERVING through the gRPC health service, as etcd can while it defragments. Default `false`. */
  readonly healthCheck?: boolean | undefined;
  /** Connect interceptors. They see each call once, outside retries and log-in. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Default: silent, unless the environment sets `ETCD_CLIENT_DEBUG`. */
  readonly logger?: Logger | undefined;
  /** Closes the connection when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
  /** Opens the socket below TLS and HTTP/2, for proxies and tunnels. */
  readonly dial?: ((endpoint: Endpoint, signal: AbortSignal) => Promise<Duplex>) | undefined;
  /**
   * Replaces the transport to an endpoint by any Connect transport. One that tells of its link, such as that of
   * `@etcdkit/transport/connect-node`, is dialled and balanced as the default is, and gets none of this object's options
   * about links; any other counts as always ready.
   */
  readonly transport?: ((endpoint: Endpoint) => Transport) | undefined;
}

/** The options of a connection, checked and with their defaults. */
export interface ResolvedOptions {
  readonly endpoints: readonly Endpoint[];
  readonly tls: TlsSource | undefined;
  readonly credentials: Credentials | undefined;
  readonly allowInsecureCredentials: boolean;
  readonly callTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly keepAlive:
    | { readonly intervalMs: number; readonly timeoutMs: number; readonly withoutCalls: boolean }
    | false;
  readonly retry: { readonly maxAttempts: number; readonly waitMs: number; readonly jitter: number };
  readonly balancing: "round-robin" | "pick-first";
  readonly connectionsPerEndpoint: number;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
  readonly compression: "gzip" | undefined;
  readonly autoSyncIntervalMs: number | undefined;
  readonly rejectOldCluster: boolean;
  readonly healthCheck: boolean;
  readonly interceptors: readonly Interceptor[];
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly dial: ConnectOptions["dial"];
  readonly transport: ConnectOptions["transport"];
}

// Timers of Node are signed 32-bit integers and fire at once when given more.
const longestMs = 2 ** 31 - 1;

function number(least: number, most: number, unit: string, whole = true): Check {
  return (value, name) => {
    if (typeof value !== "number") throw new TypeError(`${name}: expected a number`);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      throw new RangeError(
        `${name}: expected ${whole ? "a whole" : "a"} number ${unit}from ${least} to ${most}`,
      );
    }
  };
}

const milliseconds = (least: number): Check => number(least, longestMs, "of milliseconds ");
const bytes: Check = number(1, 2 ** 31 - 1, "of bytes ");

const callback: Check = (value, name) => {
  if (typeof value !== "function") throw new TypeError(`${name}: expected a function`);
};

function object(...methods: readonly string[]): Check {
  return (value, name) => {
    const found =
      typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
    if (found === undefined || methods.some((method) => typeof found[method] !== "function")) {
      throw new TypeError(
        `${name}: expected an object${methods.length > 0 ? ` with ${methods.join(", ")}` : ""}`,
      );
    }
  };
}

const keepAliveTable = optionTable("keepAlive", {
  intervalMs: milliseconds(5_000),
  timeoutMs: milliseconds(1),
  withoutCalls: checkFlag,
});

const retryTable = optionTable("retry", {
  maxAttempts: number(1, Number.MAX_SAFE_INTEGER, ""),
  waitMs: milliseconds(0),
  jitter: number(0, 1, "", false),
});

const connectTable = optionTable("connect", {
  endpoints: () => undefined, // read by parseEndpoints
  tls: (value) => {
    if (typeof value !== "function") checkTlsOptions(value as object);
  },
  credentials: checkCredentials,
  allowInsecureCredentials: checkFlag,
  callTimeoutMs: (value, name) => {
    if (value !== Number.POSITIVE_INFINITY) milliseconds(1)(value, name);
  },
  dialTimeoutMs: milliseconds(1),
  keepAlive: (value) => {
    if (value !== false) checkOptions(keepAliveTable, value);
  },
  retry: (value) => checkOptions(retryTable, value),
  balancing: checkOneOf(["round-robin", "pick-first"]),
  connectionsPerEndpoint: number(1, 64, ""),
  maxSendBytes: bytes,
  maxReceiveBytes: bytes,
  compression: checkOneOf(["gzip"]),
  autoSyncIntervalMs: milliseconds(1),
  rejectOldCluster: checkFlag,
  healthCheck: checkFlag,
  interceptors: (value, name) => {
    if (!Array.isArray(value)) throw new TypeError(`${name}: expected an array of functions`);
    for (const one of value) callback(one, name);
  },
  logger: object("debug", "info", "warn", "error"),
  signal: checkSignal,
  clock: object("now", "setTimer"),
  dial: callback,
  transport: callback,
});

/**
 * Checks the options of `connect` and fills in defaults. Reads no file and opens no connection.
 *
 * @throws `TypeError` or `RangeError` that names the option.
 */
export function resolveOptions(options: ConnectOptions): ResolvedOptions {
  if (options === undefined) throw new TypeError("connect: options are missing; give at least `endpoints`");
  checkOptions(connectTable, options);
  const { keepAlive, retry } = options;
  const resolved: ResolvedOptions = {
    endpoints: parseEndpoints(options.endpoints, options.tls !== undefined),
    // Copied: what the caller does to the objects later is not our business.
    tls: typeof options.tls === "object" ? { ...options.tls } : options.tls,
    credentials: options.credentials === undefined ? undefined : { ...options.credentials },
    allowInsecureCredentials: options.allowInsecureCredentials ?? false,
    callTimeoutMs: options.callTimeoutMs ?? 10_000,
    dialTimeoutMs: options.dialTimeoutMs ?? 2_000,
    keepAlive: keepAlive !== false && {
      intervalMs: keepAlive?.intervalMs ?? 10_000,
      timeoutMs: keepAlive?.timeoutMs ?? 5_000,
      withoutCalls: keepAlive?.withoutCalls ?? false,
    },
    retry: {
      maxAttempts: retry?.maxAttempts ?? 100,
      waitMs: retry?.waitMs ?? 25,
      jitter: retry?.jitter ?? 1,
    },
    balancing: options.balancing ?? "round-robin",
    connectionsPerEndpoint: options.connectionsPerEndpoint ?? 1,
    maxSendBytes: options.maxSendBytes ?? 2 * 1024 * 1024,
    maxReceiveBytes: options.maxReceiveBytes ?? 2 ** 31 - 1,
    compression: options.compression,
    autoSyncIntervalMs: options.autoSyncIntervalMs,
    rejectOldCluster: options.rejectOldCluster ?? false,
    healthCheck: options.healthCheck ?? false,
    interceptors: [...(options.interceptors ?? [])],
    logger: guardedLogger(options.logger ?? defaultLogger()),
    signal: options.signal,
    clock: options.clock ?? systemClock,
    dial: options.dial,
    transport: options.transport,
  };
  const plain = resolved.endpoints.find((endpoint) => !endpoint.tls);
  if (resolved.tls !== undefined && plain !== undefined) {
    throw new TypeError(`tls: ${plain.url} is plaintext and would not use it; say https:// or leave tls out`);
  }
  guardCredentials(resolved, resolved.endpoints);
  // The default is no demand of the caller's: setting `maxReceiveBytes` alone is fine.
  if (options.maxSendBytes !== undefined && resolved.maxSendBytes > resolved.maxReceiveBytes) {
    throw new RangeError(
      `maxSendBytes (${resolved.maxSendBytes}) is larger than maxReceiveBytes (${resolved.maxReceiveBytes}): what was written could not be read back`,
    );
  }
  return resolved;
}

/** Refuses to send a password or token to endpoints where others can read it. */
export function guardCredentials(
  options: Pick<ResolvedOptions, "credentials" | "allowInsecureCredentials" | "tls">,
  endpoints: readonly Endpoint[],
): void {
  if (options.credentials === undefined || options.allowInsecureCredentials) return;
  const exposed = endpoints.filter((endpoint) => !isLocal(endpoint));
  const open = exposed.find((endpoint) => !endpoint.tls);
  if (open !== undefined) {
    throw new TypeError(
      `credentials: ${open.url} is neither encrypted nor on this machine; use https:// or set allowInsecureCredentials`,
    );
  }
  if (typeof options.tls === "object" && options.tls.insecureSkipVerify === true && exposed.length > 0) {
    throw new TypeError(
      "credentials: tls.insecureSkipVerify would hand them to anybody; verify the server or set allowInsecureCredentials",
    );
  }
}

function isLocal({ target }: Endpoint): boolean {
  return (
    "path" in target ||
    target.host === "localhost" ||
    target.host === "::1" ||
    /^127\.\d+\.\d+\.\d+$/.test(target.host)
  );
}
