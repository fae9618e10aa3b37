import { type Kv, type Leases, utf8, type Watcher, watcherFrom } from "@etcdkit/core";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createAskedStore } from "../test/asked-store.js";
import { withNamespace } from "./with-namespace.js";

const watcher: Watcher = watcherFrom({
  open: () => {
    throw new Error("not opened here");
  },
});
const notCalled = (): never => {
  throw new Error("not called here");
};
const leases = { grant: notCalled, keepAlive: notCalled } as unknown as Leases;

describe("withNamespace", () => {
  it("puts all services that know keys into one namespace, and hands on the others", async () => {
    const store = createAskedStore();
    const closed: string[] = [];
    const services = { kv: store.kv, watcher, leases, auth: "auth", close: () => closed.push("close") };
    const own = withNamespace(withNamespace(services, "a/"), "b/");
    await own.kv.put("k", "v");
    expect(store.pairs.map(({ key }) => utf8(key))).toEqual(["a/b/k"]);
    for (const { keyPrefix } of [own.kv, own.watcher, own.leases]) {
      expect(keyPrefix && utf8(keyPrefix)).toBe("a/b/");
    }
    expect(own.auth).toBe("auth");
    own.close();
    expect(closed).toEqual(["close"]);
    expect(services.kv).toBe(store.kv);
    expectTypeOf(own.kv).toEqualTypeOf<Kv>();
    expectTypeOf(own.auth).toEqualTypeOf<string>();
  });

  it("takes any of them", () => {
    const { kv } = createAskedStore();
    expect(Object.keys(withNamespace({ kv }, "a/"))).toEqual(["kv"]);
    expect(Object.keys(withNamespace({ watcher, leases: undefined }, "a/"))).toEqual(["watcher", "leases"]);
    expectTypeOf(withNamespace({ kv }, "a/")).toEqualTypeOf<{ readonly kv: Kv }>();
  });

  it("refuses what it cannot put anywhere", () => {
    const { kv } = createAskedStore();
    expect(() => withNamespace({ kv }, "")).toThrow(TypeError);
    expect(() => withNamespace({}, "a/")).toThrow("services must have a kv, a watcher or leases");
    expect(() => withNamespace(undefined as never, "a/")).toThrow("services must be an object");
    expect(() => withNamespace({ kv: { kv } as never }, "a/")).toThrow(new TypeError("kv must be a Kv"));
  });
});
