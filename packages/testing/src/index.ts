/**
 * Real etcd clusters, a breakable network and a scripted server, for tests.
 *
 * @packageDocumentation
 */

export { type Bridge, type BridgeAction, type BridgeOptions, openBridge } from "./bridge/bridge.js";
export type { Direction } from "./bridge/link.js";
export type { BridgeTarget } from "./bridge/target.js";
export {
  type CertificateAuthority,
  type CertifiedKey,
  createCertificateAuthority,
  type IssueOptions,
} from "./certificate-authority.js";
export { authRevision, type ClusterAuth, type ClusterUser } from "./cluster-auth.js";
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
export {
  type FrameProxy,
  type FrameProxyAction,
  openFrameProxy,
} from "./frame-proxy/frame-proxy.js";
export type { FrameAction, FrameMatch, FrameRule } from "./frame-proxy/rule.js";
export {
  buildFrame,
  goawayFrame,
  pingFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from "./frames/build.js";
export { describeFrame, type FrameTypeName, frameTypes, type WireFrame } from "./frames/frame.js";
export { FrameSplitter, type WirePiece } from "./frames/splitter.js";
export { freePorts } from "./free-ports.js";
export { buildGoProgram, GoModulesError, goVersion } from "./go-program.js";
export { type GrpcTransport, type GrpcTransportOptions, openGrpcTransport } from "./grpc-transport.js";
export { signToken, type TokenClaims } from "./json-web-token.js";
export type { Listening } from "./member-arguments.js";
export type { ServerIdentity } from "./scripted/default-answers.js";
export { type MockServers, startMockServers } from "./scripted/mock-servers.js";
export type { AnyScript, Script } from "./scripted/script-book.js";
export type { GoAwayOptions, Method, ScriptedCall } from "./scripted/scripted-call.js";
export {
  type RecordedCall,
  type ScriptedServer,
  type ScriptedServerOptions,
  startScriptedServer,
} from "./scripted/scripted-server.js";
export { startConnectEchoServer } from "./transport/connect-echo-server.js";
export type { EchoEntry, EchoLog } from "./transport/echo-log.js";
export type { EchoServer, EchoServerOptions } from "./transport/echo-server.js";
export {
  Echo,
  type EchoRequest,
  EchoRequestSchema,
  type EchoResponse,
  EchoResponseSchema,
} from "./transport/echo-service.js";
export { startGrpcJsEchoServer } from "./transport/grpc-js-echo-server.js";
export {
  type Nghttpd,
  type NghttpdOptions,
  type NghttpdProgram,
  obtainNghttpd,
  startNghttpd,
} from "./transport/nghttpd.js";
export { startWatchdog, type Watchdog } from "./watchdog.js";
