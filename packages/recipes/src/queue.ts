import { createTurns, inTurn } from "@etcdkit/concurrency/spi";
import {
  type BytesLike,
  type CallOptions,
  compare,
  concatBytes,
  kvFrom,
  op,
  type WaitOptions,
} from "@etcdkit/core";
import {
  type CallLimits,
  callChecks,
  checkOptions,
  forAnswer,
  optionTable,
  toBytes,
  withinLimits,
} from "@etcdkit/core/spi";
import { checkRecipeServices, keyUnder, type RecipeServices, waitTable } from "./arguments.js";
import { type FirstItem, firstByAge } from "./first-item.js";
import { itemsOf, noteItem } from "./items-of.js";
import { takeFirst, tryTakeFirst } from "./take-first.js";
import { uniqueNumber } from "./unique-number.js";

/** Where an item was put. */
export interface Enqueued {
  readonly key: Uint8Array;
  /** Of the write. In a plain queue the item with the lowest one comes first. */
  readonly revision: bigint;
}

/** The reading half of a queue. */
export interface Dequeue {
  /**
   * Takes the first item, and waits for one when there is none. Calls on one queue object are served in their order.
   *
   * An item is removed before it is returned: a consumer that dies with it has lost it (at most once). An abort, or the end
   * of `timeoutMs`, that comes while an item is being removed lets the call return that item, if the answer takes no longer
   * than half a second.
   *
   * @throws (rejects) `EtcdError`; with the outcome `"unknown"` the item may be gone, and {@link itemsOf} has it. What ends
   * the watch, such as `PERMISSION_DENIED`; `DEADLINE` after `options.timeoutMs`; `options.signal.reason`.
   */
  dequeue(options?: WaitOptions): Promise<Uint8Array>;
  /** As `dequeue`, but `undefined` instead of a wait. `options.timeoutMs` is 10 000 by default. */
  tryDequeue(options?: WaitOptions): Promise<Uint8Array | undefined>;
}

/** A queue: first in, first out. */
export interface Queue extends Dequeue {
  /**
   * Puts an item at the end.
   *
   * @throws (rejects) `EtcdError`; with the outcome `"unknown"` the item may have been put there, and taken by now, so that it
   * is not put there again. With `call.idempotent` it is: then it may be there twice.
   */
  enqueue(item: BytesLike, call?: CallOptions): Promise<Enqueued>;
}

const enqueueTable = optionTable("enqueue", callChecks);
const dequeueTable = waitTable("dequeue");
const tryDequeueTable = waitTable("tryDequeue");

/**
 * A queue. Every program that names the same prefix, in Go too (`recipe.NewQueue`), has the same one. The order is that in
 * which etcd stored the items.
 *
 * @param prefix - Items are the keys `prefix/<number>`, tied to no lease.
 * @throws `TypeError` for services or a prefix that cannot be used; `RangeError` for an empty prefix.
 */
export function createQueue(services: RecipeServices, prefix: BytesLike): Queue {
  checkRecipeServices(services);
  const kv = kvFrom(services.kv);
  const directory = keyUnder(prefix, "/", "prefix");
  return {
    async enqueue(item, call) {
      checkOptions(enqueueTable, call);
      const value = toBytes(item, "item");
      while (true) {
        const key = concatBytes(directory, toBytes(uniqueNumber(), "key"));
        const create = { compare: [compare.missing(key)], success: [op.put(key, value)] };
        const { succeeded, header } = await kv.txn(create, call);
        if (succeeded) return { key, revision: header.revision };
      }
    },
    ...dequeuing(services, directory, firstByAge(kv, { prefix: directory })),
  };
}

/** The reading half of a queue over given items, which are kept in a directory. */
export function dequeuing(services: RecipeServices, directory: Uint8Array, items: FirstItem): Dequeue {
  const kv = kvFrom(services.kv);
  // Consumers of one process would only take items away from each other: whose turn it is waits for all.
  const turns = createTurns();
  return {
    async dequeue(options) {
      checkOptions(dequeueTable, options);
      return await withinLimits("dequeue", options, (limits) =>
        keepingItems(limits, ({ signal }) => {
          limits.waitingFor = "an item";
          return inTurn(turns, directory, signal, () => takeFirst(kv, services.watcher, items, signal));
        }),
      );
    },
    async tryDequeue(options) {
      checkOptions(tryDequeueTable, options);
      return await withinLimits("tryDequeue", forAnswer(options), (limits) =>
        keepingItems(limits, ({ signal }) => tryTakeFirst(kv, items, signal)),
      );
    },
  };
}

/** Lets the error that is told when the time is up have the items of the one that ended the work. */
async function keepingItems<T>(limits: CallLimits, work: (limits: CallLimits) => Promise<T>): Promise<T> {
  try {
    return await work(limits);
  } catch (error) {
    const told = limits.told(error);
    if (told !== error) for (const item of itemsOf(error)) noteItem(told, item);
    throw told;
  }
}
