// The reading half of a mirror, for copies that are not etcd: here an index in a file.
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeCheckpoint, encodeCheckpoint, mirror } from "@etcdkit/mirror";
import { createEtcd, isDelete, op, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, watcher } = etcd;
const prefix = "examples/mirror-source/";
const directory = await mkdtemp(join(tmpdir(), "mirror-source-"));
const file = join(directory, "index.json");

// #region source
interface Kept {
  readonly checkpoint: string;
  readonly pairs: readonly (readonly [string, string])[];
}

/** Brings the index up to a revision. Its checkpoint is kept in the same file: neither is ever ahead of the other. */
async function indexUpTo(revision: bigint): Promise<void> {
  const kept: Kept | undefined = JSON.parse(await readFile(file, "utf8").catch(() => "null")) ?? undefined;
  const index = new Map(kept?.pairs);
  const from = kept && decodeCheckpoint(Buffer.from(kept.checkpoint));
  for await (const batch of mirror({ kv, watcher }, { prefix, from })) {
    if (batch.kind === "base") {
      if (batch.first) index.clear(); // what a base does not have does not exist any more
      for (const { key, value } of batch.kvs) index.set(utf8(key), utf8(value));
    } else if (batch.kind === "updates") {
      for (const event of batch.events) {
        if (event.kv === undefined) continue;
        if (isDelete(event)) index.delete(utf8(event.kv.key));
        else index.set(utf8(event.kv.key), utf8(event.kv.value));
      }
    }
    console.log(`${batch.kind}: ${index.size} keys`);
    if (batch.checkpoint === undefined) continue; // in the middle of a base
    const checkpoint = utf8(encodeCheckpoint(batch.checkpoint));
    await writeFile(`${file}.new`, JSON.stringify({ checkpoint, pairs: [...index] }));
    await rename(`${file}.new`, file);
    if (batch.revision >= revision) break;
  }
}
// #endregion

const first = await kv.put(`${prefix}a`, "1");
await indexUpTo(first.header.revision);
await kv.put(`${prefix}b`, "2");
const last = await kv.txn({ success: [op.put(`${prefix}c`, "3"), op.delete(`${prefix}a`)] });
await indexUpTo(last.header.revision);

await kv.delete({ prefix });
await rm(directory, { recursive: true });

// Output:
// base: 1 keys
// updates: 2 keys
// updates: 2 keys
