import { EtcdError } from "@etcdkit/core";
import { experimental, status } from "@grpc/grpc-js";
import { describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { FakeStore } from "../test/fake-store.js";
import { registerEtcdResolver } from "./grpc-js.js";

type Listener = experimental.ResolverListener;
let count = 0;

/** A resolver as grpc-js makes one, and what it was told. */
function onStore(target: Partial<experimental.GrpcUri> = {}) {
  const store = new FakeStore();
  const clock = new ManualClock();
  const skipped: string[] = [];
  count += 1;
  const scheme = `etcd-${count}`; // schemes are of the process
  registerEtcdResolver(store, {
    scheme,
    clock,
    onSkipped: ({ key }) => void skipped.push(new TextDecoder().decode(key)),
  });
  const told: unknown[] = [];
  const listener: Listener = (list, attributes, serviceConfig, note) => {
    expect([attributes, serviceConfig, note]).toEqual([{}, null, ""]);
    told.push(list.ok ? list.value.map(({ addresses }) => addresses) : [list.error.code, list.error.details]);
    return list.ok && list.value.length > 0;
  };
  const uri = { scheme, authority: "", path: "svc", ...target };
  const resolver = experimental.createResolver(uri, listener, {});
  return { store, clock, skipped, told, resolver, scheme };
}

describe("the resolver for grpc-js", () => {
  it("tells every list of addresses in the order of keys, one address for each endpoint", async () => {
    const { store, clock, told, resolver } = onStore();
    store.put("svc/b", '{"Addr":"127.0.0.1:2"}');
    store.put("svc/a", '{"Addr":"127.0.0.1:1"}');
    resolver.updateResolution();
    expect(told).toEqual([]);
    await clock.settle();
    store.put("svc/aa", '{"Addr":"unix:/c"}');
    await clock.settle();
    store.remove("svc/a");
    await clock.settle();
    const [a, b, c] = [[{ host: "127.0.0.1", port: 1 }], [{ host: "127.0.0.1", port: 2 }], [{ path: "/c" }]];
    expect(told).toEqual([
      [a, b],
      [a, c, b],
      [c, b],
    ]);
    resolver.destroy();
  });

  it("tells of a service without endpoints, so that calls fail and do not hang", async () => {
    const { store, clock, told, resolver } = onStore();
    resolver.updateResolution();
    await clock.settle();
    expect(told).toEqual([[], [status.UNAVAILABLE, '"svc" has no endpoint']]);
    store.put("svc/a", '{"Addr":"127.0.0.1:1"}');
    await clock.settle();
    expect(told.at(-1)).toEqual([[{ host: "127.0.0.1", port: 1 }]]);
    resolver.destroy();
  });

  it("does not tell the same again, and does nothing when it is asked to resolve now", async () => {
    const { store, clock, told, resolver } = onStore();
    store.put("svc/a", '{"Addr":"127.0.0.1:1"}');
    resolver.updateResolution();
    await clock.settle();
    store.put("svc/a", '{"Addr":"127.0.0.1:1","Metadata":"new"}');
    resolver.updateResolution();
    await clock.settle();
    expect(told).toHaveLength(1);
    expect(store.watches).toHaveLength(1);
    resolver.destroy();
  });

  it("tells why nothing can be read, and goes on trying; what is known stays", async () => {
    const { store, clock, told, resolver } = onStore();
    store.put("svc/a", '{"Addr":"127.0.0.1:1"}');
    store.onExecute = () => {
      store.onExecute = () => undefined;
      return Promise.reject(new EtcdError("PERMISSION_DENIED", "not yours"));
    };
    resolver.updateResolution();
    await clock.settle();
    const failure = [status.UNAVAILABLE, 'the endpoints of "svc" cannot be read: not yours'];
    expect(told).toEqual([failure]);
    await clock.advance(100);
    expect(told).toHaveLength(2);
    store.live[0]?.end(new EtcdError("UNAVAILABLE", "no"));
    await clock.settle();
    await clock.advance(200);
    expect(told).toHaveLength(2);
    expect(store.watches).toHaveLength(2);
    resolver.destroy();
  });

  it("leaves out what grpc-js cannot dial, and what is no endpoint, and tells", async () => {
    const { store, clock, told, skipped, resolver } = onStore();
    store.put("svc/a", '{"Addr":"no port"}');
    store.put("svc/b", '{"Addr":"127.0.0.1:2"}');
    store.put("svc/c", "no JSON");
    resolver.updateResolution();
    await clock.settle();
    expect(told).toEqual([[[{ host: "127.0.0.1", port: 2 }]]]);
    expect(skipped.toSorted()).toEqual(["svc/a", "svc/c"]);
    resolver.destroy();
  });

  it("ends with the channel, tells nothing any more, and begins anew when it is asked to", async () => {
    const { store, clock, told, resolver } = onStore();
    resolver.destroy();
    resolver.updateResolution();
    await clock.settle();
    resolver.destroy();
    await clock.settle();
    expect(store.live).toEqual([]);
    expect(clock.timers).toEqual([]);
    store.put("svc/a", '{"Addr":"127.0.0.1:1"}');
    await clock.settle();
    expect(told).toHaveLength(2); // that there is nothing
    resolver.updateResolution();
    await clock.settle();
    expect(told).toHaveLength(3);
    resolver.destroy();
  });

  it("reads the name of the service as Go does: the path, unescaped, without the slash in front", async () => {
    for (const [path, key] of [
      ["/a/b", "a/b/"],
      ["a/b", "a/b/"],
      ["a%20b", "a b/"],
    ] as const) {
      const { store, clock, resolver } = onStore({ path });
      resolver.updateResolution();
      await clock.settle();
      expect(store.watches[0]?.request.key).toEqual(new TextEncoder().encode(key));
      resolver.destroy();
    }
    for (const path of ["/", "%zz"]) expect(() => onStore({ path })).toThrow("invalid target");
  });

  it("refuses bad arguments and names them", () => {
    const store = new FakeStore();
    const register = (services: unknown, options?: unknown) => () =>
      registerEtcdResolver(services as FakeStore, options as object);
    expect(register({})).toThrow("services.kv must be a Kv");
    expect(register(store, { scheme: 5 })).toThrow(new TypeError("scheme must be a string"));
    expect(register(store, { scheme: "no scheme" })).toThrow(RangeError);
    expect(register(store, { onSkipped: 5 })).toThrow("onSkipped must be a function");
    expect(register(store, { retryMs: 5 })).toThrow('unknown option "retryMs" of registerEtcdResolver');
  });

  it("warns once for each channel where nobody listens", async () => {
    const warning = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    try {
      const store = new FakeStore();
      const clock = new ManualClock();
      registerEtcdResolver(store, { scheme: "etcd-warns", clock });
      store.put("svc/a", "no JSON");
      store.put("svc/b", '{"Addr":"no port"}');
      const uri = { scheme: "etcd-warns", authority: "", path: "svc" };
      const resolver = experimental.createResolver(uri, () => true, {});
      resolver.updateResolution();
      await clock.settle();
      expect(warning).toHaveBeenCalledTimes(1);
      resolver.destroy();
    } finally {
      warning.mockRestore();
    }
  });
});
