// Keeps a lease alive until it is closed, and leaves everything else open: the process is to end by itself then.
import { connect } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";

const [endpoints] = process.argv.slice(2);
const leases = createLeases(connect({ endpoints }));
const { id } = await leases.grant(5);
const keepAlive = leases.keepAlive(id);
const renewals = keepAlive[Symbol.asyncIterator]();
await renewals.next();
console.log("held");
// What holds the process from here on is the keep-alive.
setTimeout(async () => {
  console.log(`still held: ${keepAlive.isHeld()}`);
  await keepAlive.close();
}, 7_000).unref();
