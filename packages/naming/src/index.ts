/**
 * Service discovery in etcd: the endpoints of a service, who adds them, and who follows them. A resolver for grpc-js is in
 * `@etcdkit/naming/grpc-js`, a transport that balances Connect's calls in `@etcdkit/naming/connect`.
 *
 * @packageDocumentation
 */
export { type Directory, type DirectoryOptions, openDirectory } from "./directory.js";
export type { Endpoint, Endpoints, EndpointUpdate } from "./endpoint.js";
export type { NamingServices } from "./endpoint-changes.js";
export {
  type AddEndpointOptions,
  createEndpointManager,
  type EndpointManager,
  type EndpointManagerOptions,
  type EndpointWrite,
  type ListEndpointsOptions,
  type WatchEndpointsOptions,
} from "./endpoint-manager.js";
export type { EndpointWatch } from "./endpoint-watch.js";
export {
  openRegistration,
  type Registration,
  type RegistrationOptions,
  type RegistrationServices,
} from "./registration.js";
export type { OnSkipped, SkippedEndpoint } from "./skipped.js";
