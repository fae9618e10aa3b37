import { describe, expect, it } from "vitest";
import { checkKv, checkLeases, checkReadonlyKv, checkWatcher } from "./check-services.js";

const method = (): void => undefined;
const kv = { execute: method };
const reader = { range: method };
const watcher = { open: method };
const leases = { grant: method, keepAlive: method };
const bundle = { kv, watcher, leases, close: method };

class OwnKv {
  execute(): void {}
}

describe.each([
  [
    "checkKv",
    checkKv,
    "a Kv",
    [kv, new OwnKv(), Object.assign(Object.create(null), kv)],
    [reader, watcher, leases],
  ],
  ["checkReadonlyKv", checkReadonlyKv, "a Kv", [reader, { ...kv, ...reader }], [kv, watcher, leases]],
  ["checkWatcher", checkWatcher, "a Watcher", [watcher], [kv, leases]],
  ["checkLeases", checkLeases, "Leases", [leases], [kv, watcher, { grant: method }, { keepAlive: method }]],
] as const)("%s", (_, check: (value: unknown, name: string) => void, what, services, others) => {
  it("takes what has the methods, its own or inherited", () => {
    for (const service of services) expect(() => check(service, "it")).not.toThrow();
  });

  it("refuses everything else, by the name of the argument", () => {
    const words = { execute: "yes", range: "yes", open: "yes", grant: "yes", keepAlive: "yes" };
    for (const value of [...others, bundle, words, {}, [], method, "kv", 5, null, undefined]) {
      expect(() => check(value, "source.it")).toThrow(new TypeError(`source.it must be ${what}`));
    }
  });
});
