import { type Connection, type KeySpace, shareKeySpace } from "@etcdkit/core";
import { type Check, checkLeases, checkReadonlyKv, checkWatcher } from "@etcdkit/core/spi";
import type { SessionServices } from "./session.js";

const checks: Readonly<Record<keyof SessionServices, Check>> = {
  kv: checkReadonlyKv,
  leases: checkLeases,
  watcher: checkWatcher,
};

/** Refuses what is no service, and services that do not mean the same key by the same name. */
export function checkServices(
  services: { readonly kv: KeySpace } & { readonly [Name in keyof SessionServices]?: KeySpace },
): void {
  for (const [name, service] of Object.entries(services)) {
    checks[name as keyof SessionServices](service, name);
    if (!shareKeySpace(service, services.kv)) {
      throw new TypeError(`${name} and kv must be of one namespace: their key prefixes differ`);
    }
  }
}

/** Refuses what has no transport to call services over. */
export function checkConnection(value: unknown): asserts value is Pick<Connection, "transport"> {
  const isConnection = typeof value === "object" && value !== null && "transport" in value;
  if (!isConnection) throw new TypeError("connection must be a Connection");
}
