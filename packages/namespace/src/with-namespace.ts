import type { BytesLike, Kv, KvExecutor, Leases, Watcher, WatchOpener } from "@etcdkit/core";
import { namespaceKv } from "./namespace-kv.js";
import { namespaceLeases } from "./namespace-leases.js";
import { namespaceWatcher } from "./namespace-watcher.js";

/** The services that know keys. */
export interface NamespaceServices {
  readonly kv?: KvExecutor | undefined;
  readonly watcher?: WatchOpener | undefined;
  readonly leases?: Leases | undefined;
}

/** What {@link withNamespace} makes of services: the same, in the namespace. */
export type Namespaced<S extends NamespaceServices> = {
  readonly [Name in keyof S]: Name extends "kv"
    ? Kv | Extract<S[Name], undefined>
    : Name extends "watcher"
      ? Watcher | Extract<S[Name], undefined>
      : Name extends "leases"
        ? Leases | Extract<S[Name], undefined>
        : S[Name];
};

/**
 * Puts the services that know keys into a namespace, all into the same, so that whatever is built on them (a session and
 * its locks, a queue, a mirror) works inside it: {@link namespaceKv}, {@link namespaceWatcher}, {@link namespaceLeases}.
 *
 * @param services - An object with some of `kv`, `watcher` and `leases`; what `createEtcd` returns, for instance. What
 *   else it has is handed on as it is: its `close` closes what it closed before, and its `auth`, `cluster` and so on speak of
 *   the whole cluster. The object itself is not changed.
 * @param prefix - As of {@link namespaceKv}.
 * @throws `TypeError` for a prefix or a service that cannot be used, or services without `kv`, `watcher` and `leases`.
 */
export function withNamespace<S extends NamespaceServices>(services: S, prefix: BytesLike): Namespaced<S> {
  if (typeof services !== "object" || services === null) throw new TypeError("services must be an object");
  const { kv, watcher, leases } = services;
  if ((kv ?? watcher ?? leases) === undefined) {
    throw new TypeError("services must have a kv, a watcher or leases");
  }
  const namespaced = {
    ...services,
    ...(kv !== undefined && { kv: namespaceKv(kv, prefix) }),
    ...(watcher !== undefined && { watcher: namespaceWatcher(watcher, prefix) }),
    ...(leases !== undefined && { leases: namespaceLeases(leases, prefix) }),
  };
  // A spread of a type parameter keeps the types of what it overwrites.
  return namespaced as unknown as Namespaced<S>;
}
