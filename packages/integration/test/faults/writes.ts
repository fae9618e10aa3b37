import { type CallOptions, type Kv, op } from "@etcdkit/core";
import type { EtcdCluster } from "@etcdkit/testing";
import { uniqueKey } from "../support/unique-key.js";

/** A write whose applications can be counted afterwards. */
export interface CountedWrite {
  readonly name: "put" | "delete" | "txn";
  /** What has to be there before. */
  prepare(kv: Kv, key: string): Promise<unknown>;
  run(kv: Kv, key: string, call?: CallOptions): Promise<unknown>;
  /** How often it was applied to the key, as far as the key can tell: a second delete leaves no trace in it. */
  applied(kv: Kv, key: string): Promise<number>;
}

const versionOf = async (kv: Kv, key: string): Promise<number> => Number((await kv.get(key))?.version ?? 0n);

export const countedWrites: readonly CountedWrite[] = [
  {
    name: "put",
    prepare: async () => undefined,
    run: (kv, key, call) => kv.put(key, `value of ${key}`, call),
    applied: versionOf,
  },
  {
    name: "delete",
    prepare: (kv, key) => kv.put(key, "to be deleted"),
    run: (kv, key, call) => kv.delete(key, call),
    applied: async (kv, key) => ((await versionOf(kv, key)) === 0 ? 1 : 0),
  },
  {
    name: "txn",
    prepare: async () => undefined,
    run: (kv, key, call) => kv.txn({ success: [op.put(key, `value of ${key}`)] }, call),
    applied: versionOf,
  },
];

/** Waits until writes that were given up are in the log or gone: each of these later ones is a round of the log. */
export async function settled(kv: Kv): Promise<void> {
  for (let i = 0; i < 20; i++) await kv.put(uniqueKey("settled"), "");
}

/** How many deletes a server of one member has carried out since it started, those included that found nothing. */
export async function deletesOf({ endpoints }: EtcdCluster): Promise<number> {
  const page = await (await fetch(`${endpoints[0]}/metrics`)).text();
  const value = /^etcd_mvcc_delete_total (\S+)$/m.exec(page)?.[1];
  if (value === undefined) throw new Error("the server does not tell how many deletes it has carried out");
  return Number(value);
}
