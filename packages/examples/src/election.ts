// An election: who leads, what the leader says, and who follows.
import { createElection, createEtcd, openSession, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using session = await openSession(etcd, { ttlSeconds: 15 });
await using elsewhere = await openSession(etcd, { ttlSeconds: 15 });

// #region campaign
const election = createElection(etcd, "examples/election");

const leadership = await election.campaign(session, "10.0.0.1:80");
const following = election.campaign(elsewhere, "10.0.0.2:80"); // waits for its turn

const leader = await election.leader();
console.log("leads:", leader && utf8(leader.value));
// #endregion

// #region observe
async function follow(signal: AbortSignal): Promise<void> {
  for await (const { value } of election.observe({ signal })) {
    console.log("go to", utf8(value));
    seen();
  }
}
// #endregion

let seen = (): void => undefined;
/** Does something, and waits until it was observed. */
async function observed(act: () => Promise<unknown>): Promise<void> {
  const told = new Promise<void>((resolve) => {
    seen = resolve;
  });
  await act();
  await told;
}

const stop = new AbortController();
let followed: Promise<void> | undefined;
await observed(async () => {
  followed = follow(stop.signal);
});

// #region proclaim
await observed(() => leadership.proclaim("10.0.0.1:8080")); // moved to another port
await observed(() => leadership.resign()); // the next one leads
const next = await following;
console.log("the next one leads:", next.isHeld());
// #endregion

stop.abort("seen enough");
await followed?.catch((reason: unknown) => console.log(reason));

// Output:
// leads: 10.0.0.1:80
// go to 10.0.0.1:80
// go to 10.0.0.1:8080
// go to 10.0.0.2:80
// the next one leads: true
// seen enough
