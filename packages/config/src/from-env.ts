import type { ConnectOptions } from "@etcdkit/core";
import { ConfigError } from "./config-error.js";
import { etcdctlSettings, gather } from "./etcdctl-settings.js";
import type { Settings } from "./settings.js";
import { defaultEndpoints, toOptions } from "./to-options.js";

/** Environment variables, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = "ETCDCTL_";

// What etcdctl reads from the environment about its output or its command line, which is not about a connection.
const others = ["API", "DEBUG", "HEX", "WRITE_OUT", "INSECURE_DISCOVERY"].map((name) => prefix + name);
const discovery = ["DISCOVERY_SRV", "DISCOVERY_SRV_NAME"].map((name) => prefix + name);

/**
 * Options of `connect` from the environment, by etcdctl's variables: `ETCDCTL_ENDPOINTS`, `_DIAL_TIMEOUT`,
 * `_COMMAND_TIMEOUT`, `_KEEPALIVE_TIME`, `_KEEPALIVE_TIMEOUT`, `_MAX_REQUEST_BYTES`, `_MAX_RECV_BYTES`, `_CACERT`, `_CERT`,
 * `_KEY`, `_USER`, `_USERNAME`, `_PASSWORD`, `_AUTH_JWT_TOKEN`, `_INSECURE_TRANSPORT`, `_INSECURE_SKIP_TLS_VERIFY`. One that
 * is empty counts as not set. Without endpoints: `127.0.0.1:2379`, as etcdctl has it.
 *
 * @param env - Default `process.env`.
 * @throws {@link ConfigError} for a variable that cannot be used, names a file that cannot be used, or begins with
 *   `ETCDCTL_` and means nothing to etcdctl.
 */
export function optionsFromEnv(env: Environment = process.env): ConnectOptions {
  return toOptions({ ...defaultEndpoints, ...settingsFromEnv(env) });
}

/** {@link optionsFromEnv}, to be put over other settings. */
export function settingsFromEnv(env: Environment): Settings {
  const parts = new Map<string, Settings>();
  for (const key of Object.keys(env).sort()) {
    const text = env[key];
    if (!key.startsWith(prefix) || text === undefined || text === "" || others.includes(key)) continue;
    if (discovery.includes(key)) {
      throw new ConfigError(
        { key },
        `endpoints cannot be discovered by DNS; name them in ${prefix}ENDPOINTS`,
      );
    }
    const name = key.slice(prefix.length).toLowerCase().replaceAll("_", "-");
    const known = etcdctlSettings.get(name);
    if (known === undefined || key !== variableOf(name)) throw new ConfigError({ key }, "unknown variable");
    parts.set(name, known.read(text, { key }));
  }
  return gather(parts);
}

function variableOf(name: string): string {
  return prefix + name.toUpperCase().replaceAll("-", "_");
}
