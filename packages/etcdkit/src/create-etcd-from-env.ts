import { optionsFromEnv } from "@etcdkit/config/env";
import type { ConnectOptions } from "@etcdkit/core";
import { createEtcd, type Etcd } from "./create-etcd.js";

/**
 * Connects to the cluster that the environment names, by the variables that etcdctl reads (`ETCDCTL_ENDPOINTS`,
 * `ETCDCTL_CACERT`, `ETCDCTL_USER` and so on; see `optionsFromEnv` of `@etcdkit/config`), and makes all services on that
 * connection. Without any: `127.0.0.1:2379`.
 *
 * @param options - Options of `connect` that the environment does not decide; they win over it.
 * @throws `ConfigError` that names the variable that cannot be used; `TypeError` or `RangeError` that names the option.
 */
export function createEtcdFromEnv(options: Partial<ConnectOptions> = {}): Etcd {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return createEtcd({ ...optionsFromEnv(), ...Object.fromEntries(given) });
}
