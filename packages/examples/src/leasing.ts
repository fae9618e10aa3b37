// Two programs that share keys, each with a leasing client of its own.
import { compare, createEtcd, isEtcdError, op, openLeasingKv, outcomeOf, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using one = createEtcd({ endpoints });
await using two = createEtcd({ endpoints });

// #region open
// All who write these keys agree on the prefix. Nothing else lies there.
await using reader = await openLeasingKv(one, "examples/leasing/owners/", {
  ttlSeconds: 5, // so long at most a writer waits for a reader that has died
  maxKeys: 50_000,
  maxBytes: 32 * 1024 * 1024,
});
await using writer = await openLeasingKv(two, "examples/leasing/owners/");
// #endregion

async function show(what: string, key: string): Promise<void> {
  const before = reader.stats().hits;
  const pair = await reader.get(key);
  const from = reader.stats().hits > before ? "from memory" : "from the server";
  console.log(what, pair && utf8(pair.value), from);
}

const key = "examples/leasing/limit";

// #region writer
await writer.put(key, "10");
await show("first:", key);
await show("again:", key);

// The reader lets go of the key first, then the put happens: whoever reads afterwards reads this.
await writer.put(key, "20");
await show("after somebody else's put:", key);
// #endregion

// #region txn
const other = "examples/leasing/mode";
await reader.put(other, "on");
await reader.get(other);

// Everything in it is owned: answered from memory, and all of one moment.
const { succeeded, responses } = await reader.txn({
  compare: [compare.value(other).equals("on")],
  success: [op.range(other)],
});
console.log("txn:", succeeded, responses[0]?.count, "owned keys:", reader.stats().ownedKeys);
// #endregion

// #region deadline
// An owner that does not answer: somebody wrote its leasing key by hand.
const stuck = "examples/leasing/stuck";
const { id } = await two.leases.grant(60);
await two.kv.put(`examples/leasing/owners/${stuck}`, "", { leaseId: id });
try {
  await writer.put(stuck, "x", { timeoutMs: 200 });
} catch (error) {
  console.log(isEtcdError(error, "DEADLINE"), outcomeOf(error)); // nothing was written
}
// #endregion

await two.leases.revoke(id);
await writer.delete({ prefix: "examples/leasing/" });

// Output:
// first: 10 from the server
// again: 10 from memory
// after somebody else's put: 20 from the server
// txn: true 1 owned keys: 1
// true not-applied
