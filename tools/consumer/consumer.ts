// A stranger's program. It is only type-checked, against the packed packages and under every TypeScript we support.
import { compare, connect, isEtcdError, type Kv, op, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createEtcd } from "etcdkit";

async function increment(kv: Kv, key: string): Promise<bigint> {
  while (true) {
    const current = await kv.get(key);
    const next = current === undefined ? 1n : BigInt(utf8(current.value)) + 1n;
    const result = await kv.txn({
      compare: [compare.modRevision(key).equals(current?.modRevision ?? 0n)],
      success: [op.put(key, next.toString())],
    });
    if (result.succeeded) return next;
  }
}

export async function main(): Promise<void> {
  const etcd = createEtcd({ endpoints: ["http://127.0.0.1:2379"], callTimeoutMs: 5_000 });
  try {
    await increment(etcd.kv, "visits");
    for await (const page of etcd.kv.scan({ prefix: "visits/" })) {
      for (const { key, modRevision } of page) console.log(utf8(key), modRevision);
    }
  } catch (error) {
    if (!isEtcdError(error, "COMPACTED")) throw error;
    console.error(error.code, error.outcome);
  } finally {
    await etcd.close();
  }

  const connection = connect({ endpoints: "http://127.0.0.1:2379" });
  const kv: Kv = createKv(connection);
  const { deleted } = await kv.delete({ prefix: "visits/" }, { signal: AbortSignal.timeout(1_000) });
  console.log(deleted.toFixed(0));
  await connection.close();
}
