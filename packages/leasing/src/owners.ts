import { compare, type KvExecutor, op, type WireRange } from "@etcdkit/core";
import type { Departure } from "./departures.js";
import { larger } from "./larger.js";
import type { LeasingKeys } from "./leasing-keys.js";
import type { LeasingSession } from "./leasing-session.js";
import { revoked } from "./revocation.js";
import type { TimeLimit } from "./time-limit.js";

/** A leasing key of somebody else's. */
export interface ForeignOwner {
  readonly name: string;
  readonly leasingKey: Uint8Array;
  readonly createRevision: bigint;
}

/** How many owners are asked to let go at once. */
const askedAtOnce = 64;

const others = "other owners of keys in the range";
const theOwner = "the key's owner to let go";

/** Asks other owners to let go of keys, before they are written. Nothing of the write has been sent when this fails. */
export class Owners {
  readonly #kv: KvExecutor;
  readonly #keys: LeasingKeys;

  constructor(kv: KvExecutor, keys: LeasingKeys) {
    this.#kv = kv;
    this.#keys = keys;
  }

  /**
   * Waits until nobody else owns a key of a range.
   *
   * @returns The newest creation of a leasing key of ours in the range; 0n: there is none. A leasing key that is newer than
   *   this has come since. `undefined`: the session is over, and sees nobody let go any more.
   */
  async clear(session: LeasingSession, range: WireRange, limit: TimeLimit): Promise<bigint | undefined> {
    // With their values, which are short: servers since 3.7 give no lease without.
    const read = { type: "range" as const, ...this.#keys.ofRange(range) };
    while (!session.signal.aborted) {
      const { kvs } = await limit.before((call) => this.#kv.execute(read, call), others);
      const foreign = kvs.flatMap(({ key, lease, createRevision }): readonly ForeignOwner[] => {
        const name = this.#keys.nameIn(key);
        return lease === session.leaseId || name === undefined
          ? []
          : [{ name, leasingKey: key, createRevision }];
      });
      if (foreign.length === 0) {
        return kvs.reduce((newest, { createRevision: own }) => larger(own, newest), 0n);
      }
      await this.revoke(session, foreign, limit);
    }
    return undefined;
  }

  /** Asks owners to let go, and waits until they have, or until one cannot be asked. */
  async revoke(session: LeasingSession, owners: readonly ForeignOwner[], limit: TimeLimit): Promise<void> {
    const left = owners.map((owner) => ({ owner, departure: session.departures.expect(owner.name) }));
    const waiting = left.map(({ departure }) => departure);
    const ask = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        await this.#revokeOne(next.owner, next.departure, limit);
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(askedAtOnce, owners.length) }, ask));
    } finally {
      left.length = 0;
      for (const departure of waiting) departure.close();
    }
  }

  async #revokeOne(
    { leasingKey, createRevision }: ForeignOwner,
    departure: Departure,
    limit: TimeLimit,
  ): Promise<void> {
    const ask = op.txn({
      compare: [compare.createRevision(leasingKey).equals(createRevision)],
      success: [op.put(leasingKey, revoked, { ignoreLease: true })],
    });
    // To ask twice does no harm.
    const asked = await limit.before(
      (call) => this.#kv.execute(ask, { ...call, idempotent: true }),
      theOwner,
    );
    if (asked.succeeded) await limit.wait(departure.after(asked.header.revision), theOwner);
  }
}
