import {
  type BytesLike,
  type CallOptions,
  concatBytes,
  type KvExecutor,
  shareKeySpace,
  type WatchOpener,
} from "@etcdkit/core";
import {
  callChecks,
  checkKv,
  checkWatcher,
  isBytesLike,
  type OptionTable,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";

/** The services that barriers and queues are built on, of one cluster and one namespace. A session is one of these too. */
export interface RecipeServices {
  readonly kv: KvExecutor;
  readonly watcher: WatchOpener;
}

/**
 * Options of a call that must not be repeated after a failure that leaves its outcome unknown: the second time it would
 * find what it did the first time and take it for somebody else's.
 */
export type OnceOptions = Omit<CallOptions, "idempotent">;

/** Table of the options of what waits. */
export function waitTable(method: string): OptionTable {
  return optionTable(method, { signal: callChecks.signal, timeoutMs: callChecks.timeoutMs });
}

/** Table of the options of a call that is never repeated. */
export function onceTable(method: string): OptionTable {
  const { idempotent: _, ...checks } = callChecks;
  return optionTable(method, checks);
}

/** Refuses what cannot be built on, and services that do not mean the same key by the same name. */
export function checkServices(services: RecipeServices): void {
  checkKv(services?.kv, "services.kv");
  checkWatcher(services.watcher, "services.watcher");
  if (!shareKeySpace(services.kv, services.watcher)) {
    throw new TypeError("services.kv and services.watcher must be of the same namespace");
  }
}

/** Refuses what is no session. */
export function checkSession(session: unknown): void {
  const isSession =
    typeof session === "object" && session !== null && "leaseId" in session && "signal" in session;
  if (!isSession) throw new TypeError("session must be a Session");
}

/** The key `name` and what follows it, as bytes. */
export function keyUnder(name: BytesLike, rest: string, argument: string): Uint8Array {
  if (!isBytesLike(name)) throw new TypeError(`${argument} must be a string or a Uint8Array`);
  return concatBytes(toBytes(name, argument), toBytes(rest, argument));
}
