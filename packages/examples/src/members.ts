// Members that come, move and go. After etcd's ExampleCluster_memberList, memberAddAsLearner, memberUpdate, memberRemove.
import { createEtcd, isEtcdError } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { cluster } = etcd;

// #region list
const { members } = await cluster.list();
const started = members.filter(({ name }) => name !== "");
console.log("members:", members.length, "started:", started.length);
for (const { name, clientUrls } of members) console.log(name, "listens at", clientUrls.length, "URL");

// What one member knows by itself is there without a majority, too, and may be old.
console.log((await cluster.list({ serializable: true })).members.length);
// #endregion

// #region add
// First the cluster is told, then the new server is started, with this list as its --initial-cluster.
const added = await cluster.add("http://localhost:32380", { learner: true });
const { member } = added;
console.log(
  member.peerUrls.join(),
  member.isLearner ? "learns" : "votes",
  "and is one of",
  added.members.length,
);
// #endregion

// #region promote
// A learner gets its vote when it has caught up with the leader. This one never started.
await cluster.promote(member.id).catch((error: unknown) => {
  if (!isEtcdError(error, "MEMBER_LEARNER_NOT_READY")) throw error;
  console.log("not yet");
});
// #endregion

// #region remove
await cluster.update(member.id, ["http://localhost:32380", "http://localhost:32381"]);
const left = await cluster.remove(member.id);
console.log("left:", left.members.length);
// #endregion

// Output:
// members: 1 started: 1
// m1 listens at 1 URL
// 1
// http://localhost:32380 learns and is one of 2
// not yet
// left: 1
