import type { ResponseHeader } from "@etcdkit/core";

/** What a member says of itself. */
export interface MemberStatus {
  /** `header.memberId` is the member's id, `header.revision` the store's revision there. */
  readonly header: ResponseHeader;
  /** Version of the server program, `3.7.1`. */
  readonly version: string;
  /** Version of the database file's format, `3.7.0`. Since etcd 3.6, and only once the cluster has settled on one. */
  readonly storageVersion?: string;
  /** Size of the database file, in bytes: freed pages count until {@link Maintenance.defragment} gives them back. */
  readonly dbSizeBytes: number;
  /** Bytes of it that are in use. */
  readonly dbSizeInUseBytes: number;
  /** Size at which the member raises the alarm `nospace`, in bytes. Since etcd 3.6. */
  readonly dbSizeQuotaBytes?: number;
  /** Who leads, as this member sees it; absent while it knows of none. */
  readonly leaderId?: bigint;
  /** Whether it is the leader itself. */
  readonly isLeader: boolean;
  /** Whether it has no vote. */
  readonly isLearner: boolean;
  /** How far its log is committed. */
  readonly raftIndex: bigint;
  /** How far its log is applied: what readers of this member see. */
  readonly raftAppliedIndex: bigint;
  /** Number of the election that the present leader won. */
  readonly raftTerm: bigint;
  /** What is wrong with it, in etcd's words: alarms, and that it has no leader. */
  readonly errors: readonly string[];
  /** The downgrade that is under way, if one is. Since etcd 3.6. */
  readonly downgrade?: {
    /** The version to which it goes, `3.6.0`. */
    readonly targetVersion: string;
  };
}

/** An alarm that a member has raised. */
export interface Alarm {
  /** The member that raised it. */
  readonly memberId: bigint;
  /** `nospace`: its database has reached the quota. `corrupt`: its data differs from others'. `unknown`: of a later etcd. */
  readonly type: "nospace" | "corrupt" | "unknown";
}

/** The answer of `alarmList` and `alarmDisarm`. */
export interface AlarmResult {
  /** Of the member that answered. */
  readonly header: ResponseHeader;
  /** The alarms that are raised, or that were until now. */
  readonly alarms: readonly Alarm[];
}

/** The answer of `hashKv`. */
export interface HashKvResult {
  /** Of the member that answered. */
  readonly header: ResponseHeader;
  /** 32 bits over the history of keys up to `hashRevision`. */
  readonly hash: number;
  /** Up to where history was compacted when hashing began; absent where it never was. */
  readonly compactRevision?: bigint;
  /** Up to which revision the hash goes. Since etcd 3.6; before, it is the one asked for or `header.revision`. */
  readonly hashRevision?: bigint;
}

/** The answer of `hash`. */
export interface HashResult {
  /** Of the member that answered. */
  readonly header: ResponseHeader;
  /** 32 bits over the whole database, the member's own records included. */
  readonly hash: number;
}

/** The answer of `downgrade`. */
export interface DowngradeResult {
  /** Of the member that answered. */
  readonly header: ResponseHeader;
  /** The cluster's version as it is now, `3.7`; of etcd 3.5 `3.5.0`. */
  readonly version: string;
}
