export {
  decodeCheckpoint,
  encodeCheckpoint,
  type MirrorCheckpoint,
  type MirrorWitness,
} from "./checkpoint.js";
export {
  type MirrorBaseBatch,
  type MirrorBatch,
  type MirrorOptions,
  type MirrorProgressBatch,
  type MirrorSource,
  type MirrorUpdatesBatch,
  mirror,
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
