import {
  type BytesLike,
  type CallOptions,
  compare,
  EtcdError,
  kvFrom,
  op,
  type WaitOptions,
} from "@etcdkit/core";
import { callChecks, checkOptions, nextChange, optionTable, withinLimits } from "@etcdkit/core/spi";
import {
  checkRecipeServices,
  keyUnder,
  type OnceOptions,
  onceTable,
  type RecipeServices,
  waitTable,
} from "./arguments.js";

/** A gate that somebody holds shut, and anybody may wait at. It is shut as long as its key exists. */
export interface Barrier {
  readonly key: Uint8Array;
  /**
   * Shuts the gate. It stays shut, also when this process dies, until somebody releases it.
   *
   * @throws (rejects) `EtcdError` `KEY_EXISTS` when it is shut already. After a failure with the outcome `"unknown"` it may
   * be shut: to hold it again then either succeeds, or finds it shut.
   */
  hold(call?: OnceOptions): Promise<void>;
  /** Opens the gate, whoever shut it, for all who wait. Does nothing where it is open. */
  release(call?: CallOptions): Promise<void>;
  /**
   * Waits until the gate is open; returns at once where it is. Whoever shuts it again right after a release does not hold up
   * those who waited before.
   *
   * @throws (rejects) What ends the watch, such as `EtcdError` `PERMISSION_DENIED`: a wait that fails never looks like a
   * release. `DEADLINE` after `options.timeoutMs`; `options.signal.reason`.
   */
  wait(options?: WaitOptions): Promise<void>;
}

const tables = {
  hold: onceTable("hold"),
  release: optionTable("release", callChecks),
  wait: waitTable("wait"),
};

/**
 * A barrier. Every program that names the same key, in Go too (`recipe.NewBarrier`), has the same one.
 *
 * @param key - Exists, with an empty value, while the barrier is held.
 * @throws `TypeError` for services or a key that cannot be used; `RangeError` for an empty key.
 */
export function createBarrier(services: RecipeServices, key: BytesLike): Barrier {
  checkRecipeServices(services);
  const kv = kvFrom(services.kv);
  const { watcher } = services;
  const gate = keyUnder(key, "", "key");
  return {
    get key() {
      return gate.slice();
    },

    async hold(call) {
      checkOptions(tables.hold, call);
      const create = { compare: [compare.missing(gate)], success: [op.put(gate, "")] };
      const { succeeded } = await kv.txn(create, call);
      if (!succeeded) {
        throw new EtcdError("KEY_EXISTS", "the barrier is held already", { outcome: "not-applied" });
      }
    },

    async release(call) {
      checkOptions(tables.release, call);
      await kv.delete(gate, call);
    },

    async wait(options) {
      checkOptions(tables.wait, options);
      await withinLimits("wait", options, async (limits) => {
        limits.waitingFor = "the barrier to be released";
        const { signal } = limits;
        while (true) {
          const call = { keysOnly: true, signal, timeoutMs: Number.POSITIVE_INFINITY };
          const { kvs, header } = await kv.range(gate, call);
          if (kvs.length === 0) return;
          const startRevision = header.revision + 1n;
          if (await nextChange(watcher, gate, { events: "deletes", startRevision, signal })) return;
        }
      });
    },
  };
}
