/**
 * Looking after the members of an etcd cluster: status, alarms, defragmentation, hashes, snapshots, leadership,
 * downgrades and health.
 *
 * @packageDocumentation
 */

export { createMaintenance } from "./create-maintenance.js";
export { type Feature, type FeatureSupport, features, versionSupports } from "./features.js";
export { createHealth, type Health, type ServingStatus } from "./health.js";
export type {
  AlarmSelection,
  AlarmType,
  AnyMemberOptions,
  HashKvOptions,
  Maintenance,
  SnapshotOptions,
} from "./maintenance.js";
export type {
  Alarm,
  AlarmResult,
  DowngradeResult,
  HashKvResult,
  HashResult,
  MemberStatus,
} from "./results.js";
export type { Snapshot } from "./snapshot.js";
