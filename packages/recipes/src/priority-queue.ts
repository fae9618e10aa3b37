import { Buffer } from "node:buffer";
import { createTurns, inTurn } from "@etcdkit/concurrency/spi";
import {
  type BytesLike,
  type CallOptions,
  compare,
  concatBytes,
  EtcdError,
  isEtcdError,
  type KeyValue,
  kvFrom,
  op,
} from "@etcdkit/core";
import { checkOptions, noteOutcome, toBytes, withinLimits } from "@etcdkit/core/spi";
import {
  checkRecipeServices,
  keyUnder,
  type OnceOptions,
  onceTable,
  type RecipeServices,
} from "./arguments.js";
import { firstByKey } from "./first-item.js";
import { type Dequeue, dequeuing, type Enqueued } from "./queue.js";

/** A queue in which urgent items overtake others. */
export interface PriorityQueue extends Dequeue {
  /**
   * Puts an item behind those of the same priority.
   *
   * @param priority - A whole number from 0 to 65535, else `RangeError`; the lowest comes first.
   * @throws (rejects) `EtcdError`; with the outcome `"unknown"` the item may have been put there, and taken by now, so that it
   * is never put there again. `KEY_EXISTS` when the last key of the priority ends in another way than those of items.
   */
  enqueue(item: BytesLike, priority: number, call?: OnceOptions): Promise<Enqueued>;
}

const highestPriority = 65_535;
const sequenceDigits = 16;
const enqueueTable = onceTable("enqueue");

/**
 * A priority queue. Every program that names the same prefix, in Go too (`recipe.NewPriorityQueue`), has the same one.
 *
 * @param prefix - Items are the keys `prefix/<priority>/<number>`, tied to no lease; beside them there is a key
 *   `__prefix/<priority>` for each priority that was ever used, which whoever enqueues must be allowed to write.
 * @throws `TypeError` for services or a prefix that cannot be used; `RangeError` for an empty prefix.
 */
export function createPriorityQueue(services: RecipeServices, prefix: BytesLike): PriorityQueue {
  checkRecipeServices(services);
  const kv = kvFrom(services.kv);
  const directory = keyUnder(prefix, "/", "prefix");
  // Producers of one process would only make each other begin again.
  const turns = createTurns();

  /** Stores an item under the next number of its priority. */
  async function store(
    value: Uint8Array,
    priority: number,
    call: CallOptions,
    progress: { sent: boolean },
  ): Promise<Enqueued> {
    const base = keyUnder(directory, String(priority).padStart(5, "0"), "prefix");
    const items = keyUnder(base, "/", "prefix");
    const bookkeeping = concatBytes(toBytes("__", "prefix"), base);
    const readLast = op.range({ prefix: items }, { last: "key", keysOnly: true });
    let { header, kvs } = await kv.execute(readLast, call);
    while (true) {
      const key = keyUnder(items, numberAfter(kvs[0]), "prefix");
      // Not even an item that was put and taken since may have had this number, or this one would overtake those behind it.
      const upToDate = compare.modRevision(bookkeeping).lessThan(header.revision + 1n);
      progress.sent = true;
      const result = await kv.txn(
        {
          compare: [upToDate],
          success: [op.put(bookkeeping, ""), op.put(key, value)],
          failure: [readLast],
        },
        call,
      );
      if (result.succeeded) return { key, revision: result.header.revision };
      ({ header } = result);
      ({ kvs } = result.responses[0]);
    }
  }

  return {
    async enqueue(item, priority, call) {
      checkOptions(enqueueTable, call);
      const value = toBytes(item, "item");
      if (typeof priority !== "number") throw new TypeError("priority must be a number");
      if (!Number.isInteger(priority) || priority < 0 || priority > highestPriority) {
        throw new RangeError(`priority must be a whole number from 0 to ${highestPriority}`);
      }
      const { signal, timeoutMs } = call ?? {};
      const progress = { sent: false };
      try {
        return await withinLimits("enqueue", { signal, timeoutMs }, (limits) =>
          inTurn(turns, directory, limits.signal, () =>
            store(value, priority, { ...call, signal: limits.signal }, progress),
          ),
        );
      } catch (error) {
        throw progress.sent ? error : notApplied(error);
      }
    },
    ...dequeuing(services, directory, firstByKey(kv, { prefix: directory })),
  };
}

/**
 * What comes after the number at the end of a key; all zeros without a key.
 *
 * @throws `EtcdError` `KEY_EXISTS` when it ends otherwise than items do: a number would not come after it, and so not after
 * the item that was put behind it either, which would be lost.
 */
function numberAfter(last: KeyValue | undefined): string {
  if (last === undefined) return "0".repeat(sequenceDigits);
  const digits = /\/([0-9]+)$/.exec(Buffer.from(last.key).toString("latin1"))?.[1];
  const next = digits?.length === sequenceDigits ? String(BigInt(digits) + 1n) : undefined;
  if (next === undefined || next.length > sequenceDigits) {
    const message = `the last key of the priority does not end in a number of ${sequenceDigits} digits that another one comes after`;
    throw new EtcdError("KEY_EXISTS", message, { outcome: "not-applied" });
  }
  return next.padStart(sequenceDigits, "0");
}

/** What a write rejects with when it failed before it was sent. */
function notApplied(error: unknown): unknown {
  const outcome = "not-applied";
  if (!isEtcdError(error)) {
    noteOutcome(error, outcome);
    return error;
  }
  if (error.outcome === outcome) return error;
  const { code, message, endpoint, grpcCode, cause } = error;
  return new EtcdError(code, message, { outcome, endpoint, grpcCode, cause });
}
