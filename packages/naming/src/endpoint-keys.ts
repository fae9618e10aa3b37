import { compareBytes } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import type { Endpoint, Endpoints } from "./endpoint.js";

/** Refuses what names no service. Go's text. */
export function checkTarget(target: unknown): asserts target is string {
  if (typeof target !== "string" || target === "") {
    throw new TypeError("invalid target: target must be a string that is not empty");
  }
  toBytes(target, "target");
}

/** What every key of a service begins with. The slash keeps `foo` and `foo_other` apart (etcd issue 15939). */
export function prefixOf(target: string): string {
  return `${target}/`;
}

/** Refuses a key that is none of the service's. Go's text. */
export function checkKey(key: unknown, target: string, name = "key"): asserts key is string {
  if (typeof key !== "string") throw new TypeError(`${name} must be a string`);
  if (!key.startsWith(prefixOf(target))) {
    throw new TypeError(`${name}: endpoint key should be prefixed with '${prefixOf(target)}'`);
  }
  toBytes(key, name);
}

/** Puts endpoints in the order of their keys' bytes, which is not that of JavaScript's strings. */
export function inOrder(endpoints: Iterable<readonly [string, Endpoint]>): Endpoints {
  const entries = [...endpoints].map(([key, endpoint]) => ({ key, endpoint, bytes: toBytes(key, "key") }));
  entries.sort((a, b) => compareBytes(a.bytes, b.bytes));
  return new Map(entries.map(({ key, endpoint }) => [key, endpoint]));
}
