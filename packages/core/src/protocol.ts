/**
 * The etcd v3 protocol as generated code: services for `createClient`, and schemas and types of every message.
 *
 * @packageDocumentation
 */
export * from "./gen/authpb/auth_pb.js";
export * from "./gen/etcdserverpb/rpc_pb.js";
export * from "./gen/grpc/health/v1/health_pb.js";
export * from "./gen/mvccpb/kv_pb.js";
export * as election from "./gen/v3electionpb/v3election_pb.js";
export * as lock from "./gen/v3lockpb/v3lock_pb.js";
