import {
  compare,
  isEtcdError,
  type KeyValue,
  type KvExecutor,
  op,
  type RangeResult,
  type ResponseHeader,
} from "@etcdkit/core";
import { copyPair } from "./answer.js";
import type { Entries } from "./entries.js";
import { holds, type LeasingKeys, type NameRange } from "./leasing-keys.js";
import type { Pauses } from "./pauses.js";
import { isRevoked } from "./revocation.js";

/** Who acquires: the session. */
export interface Acquirer {
  readonly leaseId: bigint;
  readonly signal: AbortSignal;
  readonly entries: Entries;
  readonly pauses: Pauses;
  note(header: ResponseHeader): void;
  release(name: string, key: Uint8Array, token: bigint): void;
  end(reason: unknown): void;
}

/** Where it acquires. */
export interface AcquisitionGround {
  readonly kv: KvExecutor;
  readonly keys: LeasingKeys;
  readonly doubtedUpTo: bigint;
}

/** What a key was when its acquisition was answered, whether or not it is owned now. */
export interface FreshRead {
  readonly header: ResponseHeader;
  readonly pair: KeyValue | undefined;
}

interface Pending {
  /** Ownerships of the key that began before this revision are over. */
  lostAt: bigint;
  /** A write of ours has begun meanwhile: what is read may be what was before it. */
  overtaken: boolean;
  readonly answered: Promise<FreshRead>;
}

/**
 * Attempts to own keys, at most one for each key at a time. They go on when their reader has gone: what the server was asked
 * for is not taken back by that.
 */
export class Acquisitions {
  readonly #session: Acquirer;
  readonly #ground: AcquisitionGround;
  readonly #pending = new Map<string, Pending>();

  constructor(session: Acquirer, ground: AcquisitionGround) {
    this.#session = session;
    this.#ground = ground;
  }

  /** The attempt that is under way. What it reads may be older than a call that begins only now. */
  get(name: string): Promise<FreshRead> | undefined {
    return this.#pending.get(name)?.answered;
  }

  /** Reads a key and acquires it, if nobody has it. Rejects with what the transaction rejects with. */
  start(name: string, key: Uint8Array): Promise<FreshRead> {
    const pending: Pending = {
      lostAt: 0n,
      overtaken: false,
      answered: this.#ask(name, key).then((answer) => this.#judge(name, key, pending, answer)),
    };
    const done = (): void => {
      this.#pending.delete(name);
    };
    pending.answered.then(done, done);
    this.#pending.set(name, pending);
    return pending.answered;
  }

  /** Writes of these keys begin. */
  overtake(names: Iterable<string>, ranges: readonly NameRange[]): void {
    for (const name of names) {
      const pending = this.#pending.get(name);
      if (pending !== undefined) pending.overtaken = true;
    }
    if (ranges.length === 0) return;
    for (const [name, pending] of this.#pending) {
      if (ranges.some((range) => holds(range, name))) pending.overtaken = true;
    }
  }

  /** Ownerships of a key that began before a revision are over. */
  lost(name: string, revision: bigint): void {
    const pending = this.#pending.get(name);
    if (pending !== undefined && revision > pending.lostAt) pending.lostAt = revision;
  }

  /** As {@link Acquisitions.lost}, of every key. */
  lostAll(revision: bigint): void {
    for (const name of this.#pending.keys()) this.lost(name, revision);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#pending.values()].map(({ answered }) => answered));
  }

  async #ask(name: string, key: Uint8Array): Promise<Answer> {
    const { kv, keys } = this.#ground;
    const { leaseId, signal } = this.#session;
    const leasingKey = keys.of(key);
    const acquire = op.txn({
      // A key with a lease may expire behind our back.
      compare: [compare.createRevision(leasingKey).equals(0n), compare.lease(key).equals(0n)],
      success: [op.range(key), op.put(leasingKey, "", { leaseId })],
      failure: [op.range(key), op.range(leasingKey)],
    });
    try {
      // Repeated, it finds what its first attempt has done; so a transient failure need not fail the read.
      const result = await kv.execute(acquire, { signal, idempotent: true });
      const [read] = result.responses;
      if (result.succeeded) return { read, header: result.header, token: result.header.revision };
      const owner = result.responses[1].kvs[0];
      if (owner?.lease !== leaseId) {
        this.#session.pauses.begin(name, owner !== undefined);
        return { read, header: result.header };
      }
      const { createRevision: token } = owner;
      return { read, header: result.header, token, revoked: isRevoked(owner) };
    } catch (error) {
      if (isEtcdError(error, "LEASE_NOT_FOUND")) this.#session.end(error);
      throw error;
    }
  }

  /** Keeps what was read if it is ours and nothing has come in between; else gives up what may have become ours. */
  #judge(name: string, key: Uint8Array, pending: Pending, answer: Answer): FreshRead {
    const session = this.#session;
    const { read, header, token, revoked } = answer;
    const pair = read.kvs[0];
    session.note(header);
    if (token !== undefined && !session.signal.aborted) {
      const usable =
        revoked !== true &&
        !pending.overtaken &&
        token > pending.lostAt &&
        token > this.#ground.doubtedUpTo &&
        (pair?.lease ?? 0n) === 0n;
      if (usable) {
        const kept = pair && copyPair(pair);
        const entry = { name, key: new Uint8Array(key), token, pair: kept, revision: header.revision };
        session.entries.set({ ...entry, read: false });
      } else {
        session.pauses.begin(name, false);
        session.release(name, key, token);
      }
    }
    return { header, pair };
  }
}

interface Answer {
  readonly read: RangeResult;
  readonly header: ResponseHeader;
  /** Of the ownership that is ours. */
  readonly token?: bigint;
  readonly revoked?: boolean;
}
