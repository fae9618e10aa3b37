import {
  type BytesLike,
  type CallOptions,
  type Connection,
  EtcdError,
  isEtcdError,
  type KeyValue,
  type ResponseHeader,
} from "@etcdkit/core";
import { election as protocol } from "@etcdkit/core/protocol";
import {
  callChecks,
  callOf,
  callUnary,
  checkId,
  checkOptions,
  checkRevision,
  headerOf,
  openServerStream,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";
import { checkConnection } from "./check-connection.js";
import { leavable } from "./leavable.js";
import type { ServiceWaitOptions } from "./lock-service.js";
import { nameBytes } from "./queue-name.js";

/** What proves a leadership to the server's election service. */
export interface LeaderKey {
  /** Of the election. */
  readonly name: Uint8Array;
  readonly key: Uint8Array;
  readonly createRevision: bigint;
  readonly leaseId: bigint;
}

/** Who leads. */
export interface ServiceLeader {
  readonly header: ResponseHeader;
  /** The leader's key and what it proclaimed. */
  readonly kv: KeyValue;
}

/** An answer that says no more than that it was done. */
export interface ServiceDone {
  readonly header: ResponseHeader;
}

/**
 * The server's own election service: one call waits at the server until its caller leads.
 *
 * For programs that need exactly that; others are better off with `createElection`, which shares elections with it. The
 * caller keeps the lease alive, and nothing tells it that it leads no longer. Names are those of the whole store, whatever
 * namespace other services speak of. Since etcd 3.2.
 */
export interface ElectionService {
  /**
   * Waits to lead. The same lease leads at once, with the new value.
   *
   * @param options - `timeoutMs` is `Infinity` by default.
   * @throws (rejects) `EtcdError` `LEASE_NOT_FOUND`; `PERMISSION_DENIED`; `options.signal.reason`.
   */
  campaign(
    name: BytesLike,
    value: BytesLike,
    options?: ServiceWaitOptions,
  ): Promise<{ readonly header: ResponseHeader; readonly leader: LeaderKey }>;
  /** @throws (rejects) `EtcdError` `ELECTION_NOT_LEADER`; else as `Kv.put`. */
  proclaim(leader: LeaderKey, value: BytesLike, call?: CallOptions): Promise<ServiceDone>;
  /** Who leads; `undefined` when nobody does. */
  leader(name: BytesLike, call?: CallOptions): Promise<ServiceLeader | undefined>;
  /**
   * Each leader and each value, from now on. Without `timeoutMs` it lasts as long as it lasts; a broken link ends it with
   * `UNAVAILABLE`, for it is the stream of one member.
   */
  observe(name: BytesLike, call?: CallOptions): AsyncIterable<ServiceLeader>;
  /** Leads no longer; of a leadership that is over, does nothing. */
  resign(leader: LeaderKey, call?: CallOptions): Promise<ServiceDone>;
}

const tables = {
  campaign: optionTable("campaign", { ...callChecks, leaseId: checkId }),
  proclaim: optionTable("proclaim", callChecks),
  leader: optionTable("leader", callChecks),
  observe: optionTable("observe", callChecks),
  resign: optionTable("resign", callChecks),
} as const;

/** The server's election service over a connection. */
export function createElectionService(connection: Pick<Connection, "transport">): ElectionService {
  checkConnection(connection);
  const { transport } = connection;
  const methods = protocol.Election.method;

  async function* observe(name: Uint8Array, call: CallOptions | undefined, signal: AbortSignal) {
    const stream = await openServerStream(transport, methods.observe, { name }, { ...call, signal });
    try {
      for (let next = await stream.next(); next !== undefined; next = await stream.next()) {
        yield leaderOf(next);
      }
    } finally {
      await stream.end();
    }
  }

  return {
    async campaign(name, value, options) {
      checkOptions(tables.campaign, options);
      const lease = options?.leaseId ?? 0n;
      const request = { name: nameBytes(name), value: toBytes(value, "value"), lease };
      const timeoutMs = options?.timeoutMs ?? Number.POSITIVE_INFINITY;
      const answer = await callUnary(transport, methods.campaign, request, callOf(options), timeoutMs);
      if (answer.leader === undefined) throw incomplete("campaign");
      const { name: ofElection, key, rev, lease: leaseId } = answer.leader;
      return { header: headerOf(answer), leader: { name: ofElection, key, createRevision: rev, leaseId } };
    },

    async proclaim(leader, value, call) {
      checkOptions(tables.proclaim, call);
      const request = { leader: wireLeader(leader), value: toBytes(value, "value") };
      return { header: headerOf(await callUnary(transport, methods.proclaim, request, call)) };
    },

    async leader(name, call) {
      checkOptions(tables.leader, call);
      try {
        return leaderOf(await callUnary(transport, methods.leader, { name: nameBytes(name) }, call));
      } catch (error) {
        if (isEtcdError(error, "ELECTION_NO_LEADER")) return undefined;
        throw error;
      }
    },

    observe(name, call) {
      checkOptions(tables.observe, call);
      const bytes = nameBytes(name);
      return leavable((signal) => observe(bytes, call, signal), call?.signal);
    },

    async resign(leader, call) {
      checkOptions(tables.resign, call);
      const request = { leader: wireLeader(leader) };
      return { header: headerOf(await callUnary(transport, methods.resign, request, call)) };
    },
  };
}

function leaderOf(answer: {
  readonly header?: ResponseHeader | undefined;
  readonly kv?: KeyValue | undefined;
}) {
  if (answer.kv === undefined) throw incomplete("leader");
  return { header: headerOf(answer), kv: answer.kv };
}

function incomplete(what: string): EtcdError {
  return new EtcdError("PROTOCOL", `the server answered ${what} without a leader`);
}

function wireLeader({ name, key, createRevision, leaseId }: LeaderKey) {
  checkRevision(createRevision, "leader.createRevision");
  checkId(leaseId, "leader.leaseId");
  return {
    name: toBytes(name, "leader.name"),
    key: toBytes(key, "leader.key"),
    rev: createRevision,
    lease: leaseId,
  };
}
