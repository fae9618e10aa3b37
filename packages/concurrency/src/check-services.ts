import { type KeySpace, shareKeySpace } from "@etcdkit/core";

/** Refuses what is no service, and services that do not mean the same key by the same name. */
export function checkServices<S extends { readonly kv: KeySpace }>(
  services: S & { readonly [name in keyof S]: KeySpace },
): void {
  for (const [name, service] of Object.entries<KeySpace>(services)) {
    if (typeof service !== "object" || service === null) throw new TypeError(`${name} must be a service`);
    if (!shareKeySpace(service, services.kv)) {
      throw new TypeError(`${name} and kv must be of one namespace: their key prefixes differ`);
    }
  }
}
