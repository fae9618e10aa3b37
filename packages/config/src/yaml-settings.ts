import { ConfigError, type SettingOrigin } from "./config-error.js";
import { checkDuration, checkEndpoints, readDuration } from "./read-value.js";
import type { Settings } from "./settings.js";

/** Reads one value of a YAML file, which is not empty. A number that Go takes for "not set" sets nothing. */
type Read = (value: unknown, origin: SettingOrigin) => Settings;

function setting<Value>(
  name: keyof Settings,
  read: (value: unknown, origin: SettingOrigin) => Value | undefined,
): Read {
  return (value, origin) => {
    const known = read(value, origin);
    return known === undefined ? {} : { [name]: { value: known, origin } };
  };
}

function text(value: unknown, origin: SettingOrigin): string {
  if (typeof value === "string") return value;
  const isScalar = ["number", "bigint", "boolean"].includes(typeof value);
  throw new ConfigError(origin, `expected text${isScalar ? "; put it in quotes" : ""}`);
}

/** What YAML 1.1, which Go's files are in, calls true and false. */
function flag(value: unknown, origin: SettingOrigin): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "string" && /^(y|yes|on)$/i.test(value)) return true;
  if (typeof value === "string" && /^(n|no|off)$/i.test(value)) return false;
  throw new ConfigError(origin, "expected true or false");
}

/** Nanoseconds, as in files written for Go, or text such as `5s`. */
function duration(value: unknown, origin: SettingOrigin): number | undefined {
  if (value === 0) return undefined;
  if (typeof value === "string") return readDuration(value, origin);
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new ConfigError(origin, 'expected a duration such as "5s", or a whole number of nanoseconds');
  }
  if (value > 0 && value < 1e6) {
    throw new ConfigError(
      origin,
      'a number counts nanoseconds, so this is less than 1ms; write "5s" for seconds',
    );
  }
  return checkDuration(value / 1e6, origin);
}

function whole(least: number, most: number): (value: unknown, origin: SettingOrigin) => number | undefined {
  return (value, origin) => {
    if (value === 0) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new ConfigError(origin, `expected a whole number from ${least} to ${most}`);
  };
}

function share(value: unknown, origin: SettingOrigin): number | undefined {
  if (value === 0) return undefined;
  if (typeof value === "number" && value > 0 && value <= 1) return value;
  throw new ConfigError(origin, "expected a number from 0 to 1");
}

function endpoints(value: unknown, origin: SettingOrigin): readonly string[] | undefined {
  const list = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(list) || list.some((one) => typeof one !== "string")) {
    throw new ConfigError(origin, "expected a list of endpoints");
  }
  return list.length === 0 ? undefined : checkEndpoints(list, origin);
}

const bytes = whole(1, 2 ** 31 - 1);

/** Of a key that only a Go program can set. It stands, without a value, in files that one has written. */
const onlyInGo: Read = (_value, origin) => {
  throw new ConfigError(origin, "cannot be set in a file");
};

/**
 * The keys that Go's client reads from YAML (client/v3/config.go and client/v3/yaml/config.go of etcd). `ca-file` is
 * deprecated there and has no effect.
 */
export const yamlSettings: ReadonlyMap<string, Read> = new Map(
  Object.entries({
    endpoints: setting("endpoints", endpoints),
    "auto-sync-interval": setting("autoSyncIntervalMs", duration),
    "dial-timeout": setting("dialTimeoutMs", duration),
    "dial-keep-alive-time": setting("keepAliveIntervalMs", duration),
    "dial-keep-alive-timeout": setting("keepAliveTimeoutMs", duration),
    "permit-without-stream": setting("keepAliveWithoutCalls", flag),
    MaxCallSendMsgSize: setting("maxSendBytes", bytes),
    MaxCallRecvMsgSize: setting("maxReceiveBytes", bytes),
    username: setting("username", text),
    password: setting("password", text),
    token: setting("token", text),
    "reject-old-cluster": setting("rejectOldCluster", flag),
    "max-unary-retries": setting("maxAttempts", whole(1, Number.MAX_SAFE_INTEGER)),
    "backoff-wait-between": setting("retryWaitMs", duration),
    "backoff-jitter-fraction": setting("retryJitter", share),
    "insecure-transport": setting("insecureTransport", flag),
    "insecure-skip-tls-verify": setting("insecureSkipVerify", flag),
    "cert-file": setting("certFile", text),
    "key-file": setting("keyFile", text),
    "trusted-ca-file": setting("caFile", text),
    "ca-file": (value, origin) => {
      text(value, origin);
      return {};
    },
    TLS: onlyInGo,
    DialOptions: onlyInGo,
    Context: onlyInGo,
    Logger: onlyInGo,
    LogConfig: onlyInGo,
  }),
);

/** The key that was probably meant: spelt alike but for case, `-` and `_`. */
export function similarKey(key: string): string | undefined {
  const bare = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, "");
  return [...yamlSettings.keys()].find((known) => bare(known) === bare(key));
}
