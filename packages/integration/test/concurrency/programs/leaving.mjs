// Holds a lock, waits for another, campaigns and observes, and then leaves all of it at once.
import { createElection, createMutex, openSession } from "@etcdkit/concurrency";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";

const [endpoints] = process.argv.slice(2);
const connection = connect({ endpoints });
const services = {
  kv: createKv(connection),
  leases: createLeases(connection),
  watcher: createWatcher(connection),
};
const session = await openSession(services);
const election = createElection(services, "leaving/led");
const mutex = createMutex(session, "leaving/locked");
await mutex.lock();
await election.campaign(session, "leader");
const observed = election.observe()[Symbol.asyncIterator]();
await observed.next();
console.log("held");

const ends = [
  ["lock", mutex.lock()],
  ["campaign", election.campaign(session, "again")],
  ["observe", observed.next()],
].map(async ([what, call]) => {
  const code = await call.then(
    () => "done",
    (error) => error.code,
  );
  return `${what}: ${code}`;
});
// Long enough for the keys to be watched.
setTimeout(async () => {
  await session.close();
  await connection.close();
  for (const end of ends) console.log(await end);
  console.log("closed");
}, 500);
