// The election service that every etcd server has, and an election that sees who leads there.
import { createElection, createElectionService, createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region service
const service = createElectionService(etcd.connection);
const { id: leaseId } = await etcd.leases.grant(30); // to be kept alive by the caller

const { leader } = await service.campaign("examples/server-election", "10.0.0.1:80", { leaseId });
const seen = await createElection(etcd, "examples/server-election").leader();
console.log("leads:", seen && utf8(seen.value));

await service.resign(leader);
console.log("led:", (await service.leader("examples/server-election")) !== undefined);
// #endregion

await etcd.leases.revoke(leaseId);

// Output:
// leads: 10.0.0.1:80
// led: false
