/**
 * Snapshots of etcd in files: saved whole or not at all, and read for what they hold.
 *
 * @packageDocumentation
 */
export {
  type SavedSnapshot,
  type SaveSnapshotOptions,
  type SnapshotProgress,
  type SnapshotSource,
  saveSnapshot,
} from "./save-snapshot.js";
export { type SnapshotFileStatus, type SnapshotStatusOptions, snapshotStatus } from "./snapshot-status.js";
