// Keeping a lease alive, acting on its behalf, and learning that it is lost.
import { createEtcd, isKeepAliveHalted } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { leases } = etcd;
const { id } = await leases.grant(5);

// #region keep-alive
const keepAlive = leases.keepAlive(id);

// Renewals go out by themselves. Reading them is for whoever wants to see them.
for await (const { ttlSeconds } of leases.keepAlive(id)) {
  console.log("alive for another", ttlSeconds, "seconds");
  break; // closes this keep-alive, and no other
}
// #endregion

// #region holder
async function work(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (!keepAlive.isHeld()) break; // true to the clock, also right after this process was stopped for a minute
    console.log("one step, with time left:", keepAlive.remainingMs() > 1_000);
    await somebodyRevokes();
  }
}

await work(keepAlive.signal);
if (isKeepAliveHalted(keepAlive.signal.reason)) console.log("lost:", keepAlive.signal.reason.reason);
// #endregion

async function somebodyRevokes(): Promise<void> {
  await leases.revoke(id);
}

// Output:
// alive for another 5 seconds
// one step, with time left: true
// lost: revoked
