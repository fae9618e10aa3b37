// Reads keys through a leasing client as fast as it can, until it is told to stop, and tells what it has read and when. It is
// stopped for a while from outside.
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { openLeasingKv } from "@etcdkit/leasing";
import { createWatcher } from "@etcdkit/watch";

const [endpoints, prefix, ttlSeconds, ...keys] = process.argv.slice(2);
const connection = connect({ endpoints });
const services = {
  kv: createKv(connection),
  leases: createLeases(connection),
  watcher: createWatcher(connection),
};
const kv = await openLeasingKv(services, prefix, { ttlSeconds: Number(ttlSeconds) });

let on = true;
process.once("message", () => {
  on = false;
});
process.send(`${process.pid}`);

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const reads = [];
while (on) {
  for (const key of keys) {
    const startMs = nowMs();
    const { header, kvs } = await kv.range(key);
    const endMs = nowMs();
    const [pair] = kvs;
    const modRevision = String(pair?.modRevision ?? 0n);
    reads.push([key, startMs, endMs, String(header.revision), modRevision, pair && utf8(pair.value)]);
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log(JSON.stringify({ hits: kv.stats().hits, reads }));
process.disconnect?.();
await kv.close();
await connection.close();
