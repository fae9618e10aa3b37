import type { ConnectOptions, KeepAliveOptions, RetryOptions, TlsOptions } from "@etcdkit/core";
import { ConfigError } from "./config-error.js";
import { type Settings, tlsSettings } from "./settings.js";
import { checkTlsFiles } from "./tls-files.js";

/** Where etcdctl looks for a cluster that nobody named. */
export const defaultEndpoints: Settings = { endpoints: { value: ["127.0.0.1:2379"], origin: {} } };

// The shortest that a connection takes: etcd hangs up on clients that ping more often.
const leastKeepAliveIntervalMs = 5_000;

/**
 * Makes options of `connect`. Reads certificates and keys, to say in the words of the settings what is wrong with them.
 *
 * @throws {@link ConfigError}.
 */
export function toOptions(settings: Settings): ConnectOptions {
  return pruned({
    endpoints: settings.endpoints?.value ?? [],
    tls: tlsOf(settings),
    credentials: credentialsOf(settings),
    callTimeoutMs: settings.callTimeoutMs?.value,
    dialTimeoutMs: settings.dialTimeoutMs?.value,
    autoSyncIntervalMs: settings.autoSyncIntervalMs?.value,
    keepAlive: keepAliveOf(settings),
    retry: retryOf(settings),
    maxSendBytes: settings.maxSendBytes?.value,
    maxReceiveBytes: settings.maxReceiveBytes?.value,
    rejectOldCluster: settings.rejectOldCluster?.value,
  });
}

/** Options that say nothing are left out, so that they can be spread over others. */
function pruned<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** `undefined` where none of its options is set. */
function group<T extends object>(options: T): T | undefined {
  const set = pruned(options);
  return Object.keys(set).length === 0 ? undefined : set;
}

function tlsOf(settings: Settings): TlsOptions | undefined {
  const { caFile, certFile, keyFile, insecureSkipVerify, insecureTransport } = settings;
  if (tlsSettings.some((name) => settings[name] !== undefined && settings[name]?.value !== false)) {
    checkTlsFiles(settings);
    return pruned({
      caFile: caFile?.value,
      certFile: certFile?.value,
      keyFile: keyFile?.value,
      insecureSkipVerify: insecureSkipVerify?.value === true ? true : undefined,
    });
  }
  // TLS without settings of its own is for endpoints that do not say by themselves what they speak.
  const bare = settings.endpoints?.value.some((endpoint) => !/^(https?|unixs):/.test(endpoint));
  return insecureTransport?.value === false && bare === true ? {} : undefined;
}

function credentialsOf({ username, password, token }: Settings): ConnectOptions["credentials"] {
  if (token !== undefined) {
    const other = username ?? password;
    if (other !== undefined) {
      throw new ConfigError(token.origin, "user name and password are given too; a token stands alone");
    }
    return { token: token.value };
  }
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || username.value === "") {
    throw new ConfigError((username ?? password)?.origin ?? {}, "the name of the user is missing");
  }
  if (password === undefined || password.value === "") {
    throw new ConfigError(username.origin, "the password of the user is missing");
  }
  return { username: username.value, password: password.value };
}

function keepAliveOf(settings: Settings): KeepAliveOptions | undefined {
  const interval = settings.keepAliveIntervalMs?.value;
  return group({
    intervalMs: interval === undefined ? undefined : Math.max(interval, leastKeepAliveIntervalMs),
    timeoutMs: settings.keepAliveTimeoutMs?.value,
    withoutCalls: settings.keepAliveWithoutCalls?.value,
  });
}

function retryOf(settings: Settings): RetryOptions | undefined {
  return group({
    maxAttempts: settings.maxAttempts?.value,
    waitMs: settings.retryWaitMs?.value,
    jitter: settings.retryJitter?.value,
  });
}
