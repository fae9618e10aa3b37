import { describe, expect, it } from "vitest";
import { checkKv, checkLeases, checkReadonlyKv, checkServices, checkWatcher } from "./check-services.js";

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

describe("checkServices", () => {
  const needs = { kv: checkKv, watcher: checkWatcher };
  const keyPrefix = new Uint8Array([97]);

  it("takes a bundle that has what is needed, of one namespace, whatever else is in it", () => {
    const inside = { kv: { ...kv, keyPrefix }, watcher: { ...watcher, keyPrefix } };
    for (const services of [bundle, { kv, watcher }, inside, { ...inside, leases }]) {
      expect(() => checkServices(services, "services", needs)).not.toThrow();
    }
  });

  it("refuses one that lacks something, by its name", () => {
    for (const services of [undefined, null, 5, "kv", {}, { watcher }, { kv: bundle, watcher }]) {
      expect(() => checkServices(services, "services", needs)).toThrow(
        new TypeError("services.kv must be a Kv"),
      );
    }
    expect(() => checkServices({ kv, watcher: leases }, "source", needs)).toThrow(
      new TypeError("source.watcher must be a Watcher"),
    );
  });

  it("refuses services that mean different keys by the same name", () => {
    const inside = { ...watcher, keyPrefix };
    expect(() => checkServices({ kv, watcher: inside }, "services", needs)).toThrow(
      new TypeError("services.watcher and services.kv must be of one namespace: their key prefixes differ"),
    );
  });
});
