import { EtcdError } from "@etcdkit/core";

/** What some of etcd 3.4 to 3.7 can do and others cannot. */
export type Feature =
  | "auth-status"
  | "bearer-token"
  | "consistent-txn-reads"
  | "downgrade"
  | "gzip"
  | "hash-revision"
  | "health-list"
  | "learner-snapshot"
  | "linearizable-member-list"
  | "open-auth-status"
  | "range-stream"
  | "snapshot-version"
  | "sound-progress"
  | "status-quota"
  | "stop-on-defrag"
  | "storage-version";

/** A line of {@link features}. */
export interface FeatureSupport {
  /** The first release that has it, and before it the patch releases that older lines got it with; oldest first. */
  readonly since: readonly string[];
  /** What it is. */
  readonly meaning: string;
}

/** Since which release of etcd there is what. */
export const features: Readonly<Record<Feature, FeatureSupport>> = {
  "auth-status": { since: ["3.5.0"], meaning: "Auth.AuthStatus: whether authentication is on." },
  "bearer-token": {
    since: ["3.5.32", "3.6.13", "3.7.0"],
    meaning: "Tokens may be sent with a leading `Bearer `.",
  },
  "consistent-txn-reads": {
    since: ["3.7.0"],
    meaning:
      "A transaction whose read is refused for its revision is applied by no member; before, only the member that was asked refuses it.",
  },
  downgrade: { since: ["3.5.0"], meaning: "Maintenance.Downgrade; 3.5 does not confirm what it does." },
  gzip: { since: ["3.5.0"], meaning: "Compressed requests." },
  "hash-revision": { since: ["3.6.0"], meaning: "hashKv tells up to which revision it went." },
  "health-list": { since: ["3.5.28", "3.6.9", "3.7.0"], meaning: "Health.List." },
  "learner-snapshot": { since: ["3.5.0"], meaning: "Snapshots of members that have no vote." },
  "linearizable-member-list": {
    since: ["3.5.0"],
    meaning: "Cluster.MemberList confirmed by a majority; before, it is always what the member itself knows.",
  },
  "open-auth-status": { since: ["3.7.0"], meaning: "Auth.AuthStatus without a log-in." },
  "range-stream": { since: ["3.7.0"], meaning: "KV.RangeStream: large ranges in parts." },
  "snapshot-version": { since: ["3.6.0"], meaning: "Snapshots tell the version of their format." },
  "sound-progress": {
    since: ["3.4.25", "3.5.8", "3.6.0"],
    meaning: "A requested progress notification of a watch is sent only when every event before it was.",
  },
  "status-quota": { since: ["3.6.0"], meaning: "Status tells the quota of the database and of a downgrade." },
  "stop-on-defrag": {
    since: ["3.5.14", "3.6.0"],
    meaning: "A member can be told to report NOT_SERVING to health checks while it defragments.",
  },
  "storage-version": { since: ["3.6.0"], meaning: "Status tells the version of the database file." },
};

/**
 * Whether a server of this version has a feature.
 *
 * @param version - As `status` tells it, `3.6.14`; what follows the patch number does not count.
 * @throws `TypeError` for a feature that is none; `EtcdError` `PROTOCOL` for a version that cannot be read.
 */
export function versionSupports(version: string, feature: Feature): boolean {
  if (!Object.hasOwn(features, feature)) {
    throw new TypeError(`feature must be one of ${Object.keys(features).join(", ")}`);
  }
  const own = parse(version);
  if (own === undefined) throw new EtcdError("PROTOCOL", "the version of the server cannot be read");
  const since = features[feature].since.map((release) => parse(release) ?? own);
  const backport = since.find(([major, minor]) => major === own[0] && minor === own[1]);
  if (backport !== undefined) return own[2] >= backport[2];
  return since.every(([major, minor]) => own[0] > major || (own[0] === major && own[1] > minor));
}

function parse(version: string): readonly [major: number, minor: number, patch: number] | undefined {
  const parts = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})/.exec(version);
  return parts === null ? undefined : [Number(parts[1]), Number(parts[2]), Number(parts[3])];
}
