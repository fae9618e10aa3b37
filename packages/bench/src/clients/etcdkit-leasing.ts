import { type LeasingServices, openLeasingKv } from "etcdkit";
import type { LeasingDriver } from "./coordination-drivers.js";

export function etcdkitLeasing(services: LeasingServices): LeasingDriver {
  return {
    async open(prefix) {
      const kv = await openLeasingKv(services, prefix);
      return {
        async get(key) {
          const found = await kv.get(key);
          return found?.value.length ?? 0;
        },
        hits: () => kv.stats().hits,
        close: () => kv.close(),
      };
    },
  };
}
