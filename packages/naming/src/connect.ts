/**
 * A Connect transport that balances calls over the endpoints of a service.
 *
 * @packageDocumentation
 */
export {
  createDirectoryTransport,
  type DirectoryTransport,
  type DirectoryTransportOptions,
} from "./connect/directory-transport.js";
export type { EndpointConnection } from "./connect/endpoint-connection.js";
export type { BalancingPolicy } from "./connect/pick.js";
