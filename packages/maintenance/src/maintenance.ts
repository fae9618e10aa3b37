import type { CallOptions } from "@etcdkit/core";
import type { Feature } from "./features.js";
import type { AlarmResult, DowngradeResult, HashKvResult, HashResult, MemberStatus } from "./results.js";
import type { Snapshot } from "./snapshot.js";

/** Kinds of alarms that can be asked for. */
export type AlarmType = "nospace" | "corrupt";

/** Which alarms; what is left out stands for all. */
export interface AlarmSelection {
  /** Only those that this member raised. */
  readonly memberId?: bigint | undefined;
  /** Only those of this kind. */
  readonly type?: AlarmType | undefined;
}

/** Options of calls that any member can answer. */
export interface AnyMemberOptions extends CallOptions {
  /** The member to ask. Default: one of the connection's, as for other calls. */
  readonly endpoint?: string | undefined;
}

/** Options of `snapshot`. */
export interface SnapshotOptions extends Omit<AnyMemberOptions, "idempotent" | "timeoutMs"> {
  /** How long the whole snapshot may take, in milliseconds. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
}

/** Options of `hashKv`. */
export interface HashKvOptions extends CallOptions {
  /** Up to which revision. Default: the newest that the member has. */
  readonly revision?: bigint | undefined;
}

/**
 * Etcd's service `Maintenance`. Calls that speak about one member name its endpoint first, `http://10.0.0.1:2379`; it
 * need not be one of the connection's. Where the cluster has users, most of them are for those with the role `root`.
 *
 * All reject with `EtcdError`, `PERMISSION_DENIED` and `USER_EMPTY` among others, and with a `TypeError` or `RangeError`
 * for arguments that cannot be meant. The caller's abort rejects with `signal.reason`.
 */
export interface Maintenance {
  /** What a member says of itself. Learners answer too. */
  status(endpoint: string, call?: CallOptions): Promise<MemberStatus>;

  /** The alarms of all members. */
  alarmList(options?: AnyMemberOptions): Promise<AlarmResult>;

  /**
   * Ends alarms. While a member's `nospace` is raised the whole cluster takes no writes; free space before you disarm it.
   *
   * @param which - Without a member, or without a type, the alarms are listed first, and each that fits is disarmed. One
   * that fails leaves those before it disarmed. Default: all.
   * @param options - `timeoutMs` is for all of it; the connection's default counts for each request.
   * @returns The alarms that were raised until now.
   */
  alarmDisarm(which?: AlarmSelection, options?: AnyMemberOptions): Promise<AlarmResult>;

  /**
   * Rewrites a member's database file without the pages that are free. The member serves nobody meanwhile: one member
   * after the other, the leader last.
   *
   * @param call - `timeoutMs` has no default: it takes as long as it takes. An end of the call does not end the work.
   */
  defragment(endpoint: string, call?: CallOptions): Promise<void>;

  /**
   * Hashes the history of keys of a member. Members of a cluster have the same hash for the same `revision`, given the
   * same `compactRevision`.
   *
   * @throws `EtcdError` `COMPACTED`, `FUTURE_REV`.
   */
  hashKv(endpoint: string, options?: HashKvOptions): Promise<HashKvResult>;

  /** Hashes the whole database of a member. For tests of etcd: members rightly differ. */
  hash(endpoint: string, call?: CallOptions): Promise<HashResult>;

  /**
   * Hands leadership over to another member.
   *
   * @param endpoint - Of the member that leads now.
   * @param targetId - Id of the member that shall lead.
   * @param call - `timeoutMs` has no default: the server gives up by itself, with `TIMEOUT_LEADER_TRANSFER`.
   * @throws `EtcdError` `NOT_LEADER` when another member leads; `BAD_LEADER_TRANSFEREE` for one that cannot lead: a
   * learner, or no member at all.
   */
  moveLeader(endpoint: string, targetId: bigint, call?: CallOptions): Promise<void>;

  /**
   * Checks whether the cluster can go back to a version (`validate`), or makes it ready to (`enable`). One minor version
   * is one step. Since etcd 3.6. 3.5 has the call too, but never confirms that it was carried out: `TIMEOUT`.
   *
   * @param version - `"3.6"`.
   * @throws `EtcdError` `WRONG_DOWNGRADE_VERSION_FORMAT`, `INVALID_DOWNGRADE_TARGET_VERSION`, `DOWNGRADE_IN_PROCESS`.
   */
  downgrade(
    action: "validate" | "enable",
    version: string,
    options?: AnyMemberOptions,
  ): Promise<DowngradeResult>;
  /**
   * Calls a downgrade off. Without one under way there is nothing to do; etcd 3.5 refuses that, with
   * `NO_INFLIGHT_DOWNGRADE`.
   */
  downgrade(action: "cancel", options?: AnyMemberOptions): Promise<DowngradeResult>;

  /**
   * Opens a copy of a member's database as it is now, to be read as a stream. Waits for its first part; read it to its
   * end, or close it. Until then it is asked for again where a member fails; afterwards a failure ends it.
   */
  snapshot(options?: SnapshotOptions): Promise<Snapshot>;

  /**
   * Tells what a member can do, by its version: {@link features} lists what there is to ask for. In the midst of an
   * upgrade members differ, so name the one that you mean.
   */
  supports(feature: Feature, options?: AnyMemberOptions): Promise<boolean>;
}
