import { type KeySpace, shareKeySpace } from "./key-space.js";
import type { KvExecutor, ReadonlyKv } from "./kv/kv.js";
import type { Leases } from "./lease/leases.js";
import type { Check } from "./options.js";
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

/**
 * Refuses a bundle that lacks a service, and services that do not mean the same key by the same name.
 *
 * @param argument - What the caller knows the bundle by.
 * @param checks - What is needed, by its name in the bundle. The rest of the bundle is not looked at.
 */
export function checkServices(
  services: unknown,
  argument: string,
  checks: Readonly<Record<string, Check>>,
): void {
  const bag = (services ?? {}) as Readonly<Record<string, KeySpace>>;
  let first: { readonly name: string; readonly service: KeySpace } | undefined;
  for (const [key, check] of Object.entries(checks)) {
    const name = `${argument}.${key}`;
    const service = bag[key] ?? {};
    check(bag[key], name);
    first ??= { name, service };
    if (!shareKeySpace(first.service, service)) {
      throw new TypeError(`${name} and ${first.name} must be of one namespace: their key prefixes differ`);
    }
  }
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  return methods.every(
    (method) => typeof (value as Readonly<Record<string, unknown>>)[method] === "function",
  );
}
