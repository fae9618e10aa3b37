import { type Kv, stm, utf8 } from "etcdkit";
import type { StmDriver } from "./coordination-drivers.js";

export function etcdkitStm(kv: Kv): StmDriver {
  return {
    async transfer(from, to) {
      const { attempts } = await stm(kv, async (tx) => {
        const [source, target] = await tx.getAll([from, to]);
        tx.put(from, String(balanceOf(source) - 1));
        tx.put(to, String(balanceOf(target) + 1));
      });
      return attempts;
    },
    async total(prefix) {
      const { kvs } = await kv.range({ prefix });
      return kvs.reduce((sum, { value }) => sum + balanceOf(value), 0);
    },
  };
}

function balanceOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : Number(utf8(value));
}
