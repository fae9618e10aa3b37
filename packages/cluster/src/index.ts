export type {
  AddMemberOptions,
  AddMemberResult,
  Cluster,
  ListMembersOptions,
  Member,
  MembersResult,
} from "./cluster.js";
export { createCluster } from "./create-cluster.js";
