// A holder that was away for too long, and what keeps it from doing harm.
import { createEtcd, createMutex, isEtcdError, op, openSession, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using session = await openSession(etcd, { ttlSeconds: 15 });
await using elsewhere = await openSession(etcd, { ttlSeconds: 15 });

// #region guard
const lock = await createMutex(session, "examples/guard/lock").lock();
const kv = lock.guard(etcd.kv);

await kv.put("examples/guard/balance", "100");

// Meanwhile the lock is lost, and another one has it and does its work.
await etcd.kv.delete(lock.key);
const next = await createMutex(elsewhere, "examples/guard/lock").lock();
await next.guard(etcd.kv).put("examples/guard/balance", "80");

try {
  await kv.put("examples/guard/balance", "90"); // decided on while the lock was held, and late
} catch (error) {
  if (isEtcdError(error, "NOT_HOLDER")) console.log("refused:", error.outcome);
}
const balance = await etcd.kv.get("examples/guard/balance");
console.log("balance:", balance && utf8(balance.value));
// #endregion

// #region owned
// The same by hand, for transactions that do more than one thing.
const done = await etcd.kv.txn({
  compare: [next.owned()],
  success: [op.put("examples/guard/balance", "70"), op.delete("examples/guard/order")],
});
console.log("done:", done.succeeded);
// #endregion

// #region fencing
/** Something that is not etcd: it remembers the greatest token that it has seen, and refuses those that are smaller. */
class Printer {
  #greatest = 0n;

  print(token: bigint, page: string): string {
    if (token < this.#greatest) return `refused ${page}`;
    this.#greatest = token;
    return `printed ${page}`;
  }
}

const printer = new Printer();
console.log(printer.print(next.fencingToken, "page 1"));
console.log(printer.print(lock.fencingToken, "page 2"));
// #endregion

await next.unlock();
await etcd.kv.delete({ prefix: "examples/guard/" });

// Output:
// refused: not-applied
// balance: 80
// done: true
// printed page 1
// refused page 2
