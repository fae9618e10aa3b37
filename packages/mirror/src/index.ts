export {
  decodeCheckpoint,
  encodeCheckpoint,
  type MirrorCheckpoint,
  type MirrorWitness,
} from "./checkpoint.js";
export {
  type BaseBatch,
  type MirrorBatch,
  type MirrorOptions,
  type MirrorSource,
  mirror,
  type ProgressBatch,
  type UpdatesBatch,
} from "./mirror.js";
export { type MirrorDestination, type MirrorToOptions, mirrorTo } from "./mirror-to.js";
export type {
  BaseProgress,
  MirrorProgress,
  MirrorTotals,
  ResumedProgress,
  UpdatesProgress,
  WaitingProgress,
} from "./progress.js";
