/**
 * Real etcd clusters, a breakable network and a scripted server, for tests.
 *
 * @packageDocumentation
 */
export {
  type CertificateAuthority,
  type CertifiedKey,
  createCertificateAuthority,
  type IssueOptions,
} from "./certificate-authority.js";
export type { ClusterAuth, ClusterUser } from "./cluster-auth.js";
export type { CertificateFiles, ClusterTls } from "./cluster-tls.js";
export {
  compareVersions,
  type Environment,
  type EtcdBinary,
  etcdCacheDirectory,
  findEtcdBinaries,
  findEtcdBinary,
} from "./etcd-binaries.js";
export { type EtcdCluster, startEtcd } from "./etcd-cluster.js";
export type { EtcdMember } from "./etcd-member.js";
export type { EtcdOptions } from "./etcd-options.js";
export { freePorts } from "./free-ports.js";
export { type GrpcTransport, type GrpcTransportOptions, openGrpcTransport } from "./grpc-transport.js";
export { signToken, type TokenClaims } from "./json-web-token.js";
export type { Listening } from "./member-arguments.js";
