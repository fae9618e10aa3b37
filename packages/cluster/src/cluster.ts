import type { CallOptions, ResponseHeader } from "@etcdkit/core";

/** One member of a cluster. */
export interface Member {
  readonly id: bigint;
  /** What it calls itself; empty until it has started for the first time. */
  readonly name: string;
  /** Where the other members reach it. */
  readonly peerUrls: readonly string[];
  /** Where it says that clients reach it; empty until it has started for the first time. */
  readonly clientUrls: readonly string[];
  /** It copies the data but does not vote, and answers no more than serializable reads. */
  readonly isLearner: boolean;
}

/** The members of a cluster: all of them, or those that are left or were there after a change. */
export interface MembersResult {
  readonly header: ResponseHeader;
  readonly members: readonly Member[];
}

/** Answer to {@link Cluster.add}. */
export interface AddMemberResult extends MembersResult {
  /** The new one. It has not started yet: it has an id and peer URLs, no name and no client URLs. */
  readonly member: Member;
}

/** Options of {@link Cluster.list}. */
export interface ListMembersOptions extends CallOptions {
  /**
   * Takes the list of the member that is asked: it may be old, but is there without a majority, too. Default `false`: the
   * list that a majority has agreed on. Before 3.5 every member answers for itself.
   */
  readonly serializable?: boolean | undefined;
}

/** Options of {@link Cluster.add}. */
export interface AddMemberOptions extends CallOptions {
  /** Adds a member that does not vote until it is promoted. Default `false`: it votes, and counts, from now on. */
  readonly learner?: boolean | undefined;
}

/**
 * The members of a cluster (etcd's service `Cluster`). Where authentication is enabled, only users with the role
 * `root` may change them, and only users who are logged in may list them (everybody before 3.4.42, 3.5.28 and 3.6.9).
 *
 * Members refuse a change that endangers the majority (`--strict-reconfig-check`, on by default): with `UNHEALTHY` while
 * they have not all been in touch with each other for 5 seconds, with `MEMBER_NOT_ENOUGH_STARTED` when too few have started.
 * Source: etcd's api/etcdserverpb/rpc.proto.
 */
export interface Cluster {
  /** Lists the members. */
  list(options?: ListMembersOptions): Promise<MembersResult>;
  /**
   * Adds a member. This comes first; then the server is started, with what the answer says as its `--initial-cluster`.
   *
   * @param peerUrls - Where the others will reach it: `http`, `https`, `unix` or `unixs` URLs without a path; in one string
   *   they are separated by commas.
   * @throws `EtcdError` `PEER_URL_EXIST` when a member has one of these URLs, `TOO_MANY_LEARNERS` (more than one, by
   *   default), `UNHEALTHY`, `MEMBER_NOT_ENOUGH_STARTED`. `TypeError` for URLs that cannot be used; nothing is sent then.
   */
  add(peerUrls: string | readonly string[], options?: AddMemberOptions): Promise<AddMemberResult>;
  /**
   * Removes a member for good: it stops, and its id never comes back.
   *
   * @throws `EtcdError` `MEMBER_NOT_FOUND`, `UNHEALTHY`, `MEMBER_NOT_ENOUGH_STARTED`.
   */
  remove(id: bigint, call?: CallOptions): Promise<MembersResult>;
  /**
   * Replaces the URLs under which the others reach a member. A learner stays a learner (before 3.5.31 and
   * 3.6.12 it is listed as a voter from then on, does not vote, and cannot be promoted).
   *
   * @param peerUrls - As of {@link Cluster.add}.
   * @throws `EtcdError` `MEMBER_NOT_FOUND`, `PEER_URL_EXIST`.
   */
  update(id: bigint, peerUrls: string | readonly string[], call?: CallOptions): Promise<MembersResult>;
  /**
   * Gives a learner a vote.
   *
   * @throws `EtcdError` `MEMBER_LEARNER_NOT_READY` while it has not caught up with the leader: ask again later.
   *   `MEMBER_NOT_LEARNER`, `MEMBER_NOT_FOUND`, `MEMBER_NOT_ENOUGH_STARTED`.
   */
  promote(id: bigint, call?: CallOptions): Promise<MembersResult>;
}
