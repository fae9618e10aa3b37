import { EtcdError, type Kv, kvFrom, type Leases, type WatchOpener } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it, vi } from "vitest";
import { FakeServices } from "../test/fake-services.js";
import { openLeasingKv } from "./open-leasing-kv.js";

const refused = (): Promise<never> => Promise.reject(new EtcdError("PERMISSION_DENIED", "no lease for you"));
const kv: Kv = kvFrom({ execute: refused });
const leases = { grant: refused, keepAlive: refused } as unknown as Leases;
const watcher: WatchOpener = {
  open: () => {
    throw new Error("nothing is to be watched");
  },
};

describe("openLeasingKv", () => {
  it("refuses services that do not speak of the same keys", async () => {
    const keyPrefix = toBytes("tenant/", "prefix");
    for (const services of [
      { kv: { ...kv, keyPrefix }, leases, watcher },
      { kv, leases: { ...leases, keyPrefix }, watcher },
      { kv, leases, watcher: { ...watcher, keyPrefix } },
    ]) {
      await expect(openLeasingKv(services, "leasing/")).rejects.toThrow("must be of one namespace");
    }
  });

  it.each([
    [undefined, "leasing/", {}, TypeError, "services"],
    [{ kv, leases }, "leasing/", {}, TypeError, "services.watcher"],
    [{ kv, leases: kv, watcher }, "leasing/", {}, TypeError, "services.leases"],
    [{ leases, watcher }, "leasing/", {}, TypeError, "services.kv"],
    [{ kv, leases, watcher }, "", {}, RangeError, "prefix"],
    [{ kv, leases, watcher }, 5, {}, TypeError, "prefix"],
    [{ kv, leases, watcher }, "leasing/", { ttl: 5 }, TypeError, "ttl"],
    [{ kv, leases, watcher }, "leasing/", { ttlSeconds: 0 }, RangeError, "ttlSeconds"],
    [{ kv, leases, watcher }, "leasing/", { ttlSeconds: 10_000_000_000 }, RangeError, "ttlSeconds"],
    [{ kv, leases, watcher }, "leasing/", { ttlSeconds: "5" }, TypeError, "ttlSeconds"],
    [{ kv, leases, watcher }, "leasing/", { maxKeys: 0 }, RangeError, "maxKeys"],
    [{ kv, leases, watcher }, "leasing/", { maxBytes: 1.5 }, RangeError, "maxBytes"],
    [{ kv, leases, watcher }, "leasing/", { maxTxnOps: -1 }, RangeError, "maxTxnOps"],
    [{ kv, leases, watcher }, "leasing/", { waitTimeoutMs: 0 }, RangeError, "waitTimeoutMs"],
    [{ kv, leases, watcher }, "leasing/", { signal: {} }, TypeError, "signal"],
    [{ kv, leases, watcher }, "leasing/", { clock: 5 }, TypeError, "clock"],
  ])("refuses bad arguments, and names them (%#)", async (services, prefix, options, type, name) => {
    const opening = openLeasingKv(services as never, prefix as never, options as never);
    await expect(opening).rejects.toThrow(type);
    await expect(opening).rejects.toThrow(name);
  });

  it("rejects when no lease is granted, or when it is aborted", async () => {
    await expect(openLeasingKv({ kv, leases, watcher }, "leasing/")).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    const reason = new Error("changed my mind");
    const signal = AbortSignal.abort(reason);
    await expect(openLeasingKv({ kv, leases, watcher }, "leasing/", { signal })).rejects.toBe(reason);
  });

  it("rejects also when it is aborted in the moment in which all is there", async () => {
    const [services, caller, reason] = [new FakeServices(), new AbortController(), new Error("too late")];
    services.watchCreated = Promise.resolve({ revision: 1n }).then((created) => {
      caller.abort(reason);
      return created;
    });
    await expect(openLeasingKv(services, "leasing/", { signal: caller.signal })).rejects.toBe(reason);
    await vi.waitFor(() => expect(services.revoked).toEqual([1n]));
  });
});
