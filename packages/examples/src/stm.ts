// Moving money between accounts, many transfers at the same time: none is lost, and the sum stays what it is.
import { stm } from "@etcdkit/concurrency";
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const prefix = "examples/stm/";
for (const name of ["ann", "bob", "eve"]) await kv.put(prefix + name, "100");

// #region transfer
async function transfer(from: string, to: string, amount: number): Promise<boolean> {
  const { value } = await stm(kv, async (tx) => {
    const balances = await tx.getAll([from, to]); // in one request
    const [source = 0, target = 0] = balances.map((balance) => balance && Number(utf8(balance)));
    if (source < amount) return false; // nothing is written
    tx.put(from, `${source - amount}`);
    tx.put(to, `${target + amount}`);
    return true;
  });
  return value;
}
// #endregion

await Promise.all(
  Array.from({ length: 10 }, async () => {
    await transfer(`${prefix}ann`, `${prefix}bob`, 7);
    await transfer(`${prefix}bob`, `${prefix}eve`, 5);
  }),
);
console.log("more than there is:", await transfer(`${prefix}eve`, `${prefix}ann`, 1_000));

for (const { key, value } of (await kv.range({ prefix })).kvs) console.log(utf8(key), utf8(value));
await kv.delete({ prefix });

// Output:
// more than there is: false
// examples/stm/ann 30
// examples/stm/bob 120
// examples/stm/eve 150
