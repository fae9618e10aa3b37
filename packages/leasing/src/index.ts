/**
 * Linearizable reads of etcd from memory, by the leasing protocol of etcd's own Go client.
 *
 * @packageDocumentation
 */

export type { LeasingOptions } from "./leasing-options.js";
export {
  type LeasingKv,
  type LeasingServices,
  type LeasingStats,
  openLeasingKv,
} from "./open-leasing-kv.js";
