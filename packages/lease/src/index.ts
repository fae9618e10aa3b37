/**
 * Leases of etcd: granting them, keeping them alive, and knowing when one is lost.
 *
 * @packageDocumentation
 */

export { type AdoptLeaseOptions, adoptLease } from "./adopt-lease.js";
export { createLeases, type LeasesOptions } from "./create-leases.js";
export type { OpenLease } from "./kept-open-lease.js";
export type { LeaseConnection } from "./members.js";
export { type OpenLeaseOptions, openLease } from "./open-lease.js";
