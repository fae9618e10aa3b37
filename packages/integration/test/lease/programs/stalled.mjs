// Holds a lease, stalls the event loop in one of two ways, and tells what is known of the lease right after.
import { connect } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";

const [endpoints, how, stallMs] = process.argv.slice(2);
const connection = connect({ endpoints });
const leases = createLeases(connection);
const { id } = await leases.grant(5);
const keepAlive = leases.keepAlive(id);
const { signal } = keepAlive;
const renewals = keepAlive[Symbol.asyncIterator]();
await renewals.next();
// One more: so this is no program that has only begun.
await renewals.next();

function judge() {
  const report = { held: keepAlive.isHeld(), remainingMs: keepAlive.remainingMs() };
  setImmediate(async () => {
    report.aborted = signal.aborted;
    report.reason = signal.reason?.reason;
    console.log(JSON.stringify(report));
    process.disconnect?.();
    await connection.close();
  });
}

if (how === "busy") {
  setTimeout(() => {
    const end = performance.now() + Number(stallMs);
    while (performance.now() < end);
    judge();
  });
} else {
  // Stopped from outside. What runs first afterwards finds that time has passed.
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (nowMs - lastMs > Number(stallMs) / 2) {
      clearInterval(timer);
      judge();
    }
    lastMs = nowMs;
  }, 1);
  process.send(`${process.pid} ${id}`);
}
