import {
  type BytesLike,
  compareBytes,
  EtcdError,
  type KeySpace,
  type KeyValue,
  type ReadonlyKv,
  shareKeySpace,
  type WaitOptions,
  type Watcher,
} from "@etcdkit/core";
import {
  type CallLimits,
  callChecks,
  checkFlag,
  checkOptions,
  checkReadonlyKv,
  checkRevision,
  checkServices,
  checkWatcher,
  optionTable,
  toBytes,
  withinLimits,
} from "@etcdkit/core/spi";
import { HeldLeadership, type Leadership } from "./leadership.js";
import { leavable } from "./leavable.js";
import { observeLeaders } from "./observe-leaders.js";
import { nameBytes, queueName, queuePrefix } from "./queue-name.js";
import type { QueuePlace } from "./queue-place.js";
import { reachFront, resumePlace } from "./reach-front.js";
import { checkSession, type Session } from "./session.js";

/** What an election takes; campaigns use the services of the session that campaigns. */
export interface ElectionServices {
  readonly kv: Pick<ReadonlyKv, "range"> & KeySpace;
  readonly watcher: Watcher;
}

/** Options of {@link createElection}. */
export interface ElectionOptions {
  /**
   * The keys of the election begin with its name as it is, without a slash behind it. For elections with Go programs that
   * campaign on what `ResumeElection` returned, which forgets the slash. Default `false`.
   */
  readonly verbatimPrefix?: boolean | undefined;
}

/** An election: of those who campaign, one leads, and the others follow in the order in which they came. */
export interface Election {
  /**
   * Waits until the session leads, with a value to be seen by observers. A session campaigns for, or leads, an election
   * once at a time: further calls wait until it has resigned, as those for a mutex of the name do.
   *
   * Finds the candidacy of a program that had the session's lease before it was restarted, and gives it the new value.
   *
   * A call that ends without leadership leaves no trace: the candidacy is removed in the background, for as long as that
   * takes and the session lives, and later calls of the session wait for that.
   *
   * @param options - `timeoutMs`: by default it takes as long as it takes.
   * @throws (rejects) `EtcdError` `SESSION_LOST` and `CLOSED` within a second of the end of the session; `DEADLINE`;
   * `NOT_HOLDER` when somebody deleted the candidacy, or its key is tied to no lease or another one; `PERMISSION_DENIED`; `options.signal.reason`; a `TypeError` when the
   * session is of another namespace than the election.
   */
  campaign(session: Session, value: BytesLike, options?: WaitOptions): Promise<Leadership>;
  /**
   * Leads on after a restart: takes back the leadership that a session of the same lease had.
   *
   * @param session - Opened with the `leaseId` of the one that led.
   * @param fencingToken - Of the leadership that it had: the create revision of the leader's key.
   * @throws (rejects) `EtcdError` `NOT_HOLDER` when that leadership is over; else as {@link Election.campaign}. Whatever
   * ends the call, the leader's key is left as it is: it was there before.
   */
  resume(session: Session, fencingToken: bigint, options?: WaitOptions): Promise<Leadership>;
  /**
   * Who leads: the leader's key, whose value is what it proclaimed last; `undefined` when nobody does.
   *
   * @throws (rejects) As `Kv.get`.
   */
  leader(options?: WaitOptions): Promise<KeyValue | undefined>;
  /**
   * Follows the election: the leader's key as it is now, if there is a leader, then at each change of leader or value. Of
   * changes that come close together it may leave out all but the last; it never goes back.
   *
   * The iteration goes on across broken links, compactions and times without a leader. It throws `options.signal.reason`
   * when that aborts, else an `EtcdError`, such as `PERMISSION_DENIED` or `CLOSED`, when it cannot go on.
   */
  observe(options?: Pick<WaitOptions, "signal">): AsyncIterable<KeyValue>;
}

const waitChecks = { signal: callChecks.signal, timeoutMs: callChecks.timeoutMs };
const tables = {
  createElection: optionTable("createElection", { verbatimPrefix: checkFlag }),
  campaign: optionTable("campaign", waitChecks),
  resume: optionTable("resume", waitChecks),
  leader: optionTable("leader", waitChecks),
  observe: optionTable("observe", { signal: callChecks.signal }),
} as const;

/**
 * An election of the cluster. Nothing is sent before it is used. Programs in other languages share it by the keys
 * `name/<lease id>`, which are those of etcd's Go client, of `etcdctl elect` and of the server's election service.
 *
 * @param services - Of one namespace: a `TypeError` if not.
 * @param name - Every key that begins with `name/` counts as a candidate: names must not be nested, nor data be kept there.
 * Not empty.
 */
export function createElection(
  services: ElectionServices,
  name: BytesLike,
  options: ElectionOptions = {},
): Election {
  checkOptions(tables.createElection, options);
  checkServices(services, "services", { kv: checkReadonlyKv, watcher: checkWatcher });
  const { kv, watcher } = services;
  const prefix = options.verbatimPrefix === true ? nameBytes(name) : queuePrefix(name);

  async function lead(
    what: string,
    session: Session,
    wait: WaitOptions | undefined,
    reach: (limits: CallLimits) => Promise<QueuePlace>,
  ): Promise<Leadership> {
    checkSession(session);
    if (!shareKeySpace(session.kv, kv)) {
      throw new TypeError("session must be of the namespace of the election: their key prefixes differ");
    }
    return await withinLimits(what, wait, async (limits) => new HeldLeadership(await reach(limits)));
  }

  return {
    async campaign(session, value, wait) {
      checkOptions(tables.campaign, wait);
      const proposal = toBytes(value, "value");
      return await lead("campaign", session, wait, (limits) =>
        reachFront(session, queueName(prefix, session.leaseId), proposal, limits, async (place, found) => {
          if (compareBytes(found, proposal) === 0) return;
          await place.write(proposal, { signal: limits.signal, timeoutMs: Number.POSITIVE_INFINITY });
        }),
      );
    },

    async resume(session, fencingToken, wait) {
      checkRevision(fencingToken, "fencingToken");
      checkOptions(tables.resume, wait);
      return await lead("resume", session, wait, async (limits) => {
        const queue = queueName(prefix, session.leaseId);
        const place = await resumePlace(session, queue, fencingToken, limits);
        if (place !== undefined) return place;
        throw new EtcdError("NOT_HOLDER", "the session's lease does not lead by this fencing token");
      });
    },

    async leader(wait) {
      checkOptions(tables.leader, wait);
      return (await kv.range({ prefix }, { first: "created", ...wait })).kvs[0];
    },

    observe(observeOptions) {
      checkOptions(tables.observe, observeOptions);
      return leavable((signal) => observeLeaders({ kv, watcher }, prefix, signal), observeOptions?.signal);
    },
  };
}
