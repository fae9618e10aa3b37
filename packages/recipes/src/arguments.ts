import {
  type BytesLike,
  type CallOptions,
  concatBytes,
  type KvExecutor,
  type WatchOpener,
} from "@etcdkit/core";
import {
  callChecks,
  checkKv,
  checkServices,
  checkWatcher,
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

/** Refuses what cannot be built on. */
export function checkRecipeServices(services: RecipeServices): void {
  checkServices(services, "services", { kv: checkKv, watcher: checkWatcher });
}

/**
 * The key `name` and what follows it, as bytes.
 *
 * @throws `RangeError` for an empty name: it would be that of everybody who forgot to give one.
 */
export function keyUnder(name: BytesLike, rest: string, argument: string): Uint8Array {
  const bytes = toBytes(name, argument);
  if (bytes.length === 0) throw new RangeError(`${argument} must not be empty`);
  return concatBytes(bytes, toBytes(rest, argument));
}
