/**
 * Leases of etcd: granting them, keeping them alive, and knowing when one is lost.
 *
 * @packageDocumentation
 */

export { createLeases, type LeasesOptions } from "./create-leases.js";
export type { LeaseConnection } from "./members.js";
export { type OpenLease, type OpenLeaseOptions, openLease } from "./open-lease.js";
