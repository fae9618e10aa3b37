import type { KvExecutor, ReadonlyKv } from "./kv/kv.js";
import type { Leases } from "./lease/leases.js";
import type { WatchOpener } from "./watch/watch.js";

// By what is called on them, since decorators and fakes have no class in common. A bundle of services, such as
// `createEtcd` returns, is none of them.

/** Refuses what cannot carry out operations on keys. */
export function checkKv(value: unknown, name: string): asserts value is KvExecutor {
  if (!hasMethods(value, ["execute"])) throw new TypeError(`${name} must be a Kv`);
}

/** Refuses what cannot read ranges. It may have no `execute`: the reading half of a `Kv` is enough for those who only read. */
export function checkReadonlyKv(value: unknown, name: string): asserts value is Pick<ReadonlyKv, "range"> {
  if (!hasMethods(value, ["range"])) throw new TypeError(`${name} must be a Kv`);
}

/** Refuses what cannot open watches. */
export function checkWatcher(value: unknown, name: string): asserts value is WatchOpener {
  if (!hasMethods(value, ["open"])) throw new TypeError(`${name} must be a Watcher`);
}

/** Refuses what cannot grant leases and keep them alive. */
export function checkLeases(value: unknown, name: string): asserts value is Leases {
  if (!hasMethods(value, ["grant", "keepAlive"])) throw new TypeError(`${name} must be Leases`);
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every(
    (method) => typeof (value as Readonly<Record<string, unknown>>)[method] === "function",
  );
}
