import type { KeyValue, StateBatch } from "@etcdkit/core";
import type { LeasingKeys } from "./leasing-keys.js";

/** Puts together, from the pages of a state, which leasing keys belong to a lease. */
export class OwnedState {
  readonly #keys: LeasingKeys;
  readonly #leaseId: bigint;
  #revision = 0n;
  #owned = new Map<string, KeyValue>();

  constructor(keys: LeasingKeys, leaseId: bigint) {
    this.#keys = keys;
    this.#leaseId = leaseId;
  }

  /** Takes a page. @returns After the last one, the leasing keys of the lease by the name of their key. */
  add({ revision, kvs, last }: StateBatch): ReadonlyMap<string, KeyValue> | undefined {
    if (revision !== this.#revision) this.#owned = new Map();
    this.#revision = revision;
    for (const leasingKey of kvs) {
      const name = this.#keys.nameIn(leasingKey.key);
      if (leasingKey.lease === this.#leaseId && name !== undefined) this.#owned.set(name, leasingKey);
    }
    if (!last) return undefined;
    const owned = this.#owned;
    this.#revision = 0n;
    return owned;
  }
}
