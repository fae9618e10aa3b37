import {
  type BranchOp,
  type Compare,
  EtcdError,
  type Event,
  isEtcdError,
  type KeyValue,
  type Op,
  type RangeOp,
  type RangeResult,
  type ResultOf,
  type WatchBatch,
  type WatchRequest,
} from "@etcdkit/core";
import type { KeyPrefix } from "./key-prefix.js";

// Every field that carries a key is named here and nowhere else. All that goes in and out is copied, never changed: an
// answer may be another's too, such as that of a cache under two namespaces.

/** The op that the store is asked for. */
export function outerOp(prefix: KeyPrefix, op: Op): Op {
  if (op.type === "compact") return op;
  return outerBranch(prefix, op, "op must be a range, put, delete, txn or compact op");
}

function outerBranch(prefix: KeyPrefix, op: BranchOp, otherwise: string): BranchOp {
  switch (op.type) {
    case "range":
      return outerRange(prefix, op);
    case "delete":
      return { ...op, ...prefix.addToRange(op) };
    case "put":
      return { ...op, key: prefix.add(op.key) };
    case "txn": {
      const inside = (one: BranchOp): BranchOp =>
        outerBranch(prefix, one, "op of a txn must be a range, put, delete or txn op");
      const compare = op.compare.map((one): Compare => ({ ...one, ...prefix.addToRange(one) }));
      return { ...op, compare, success: op.success.map(inside), failure: op.failure.map(inside) };
    }
    default:
      throw new TypeError(otherwise);
  }
}

/** The range that the store is asked for. */
export function outerRange(prefix: KeyPrefix, op: RangeOp): RangeOp {
  return { ...op, ...prefix.addToRange(op) };
}

/** The answer as users of the namespace see it. */
export function innerResult(prefix: KeyPrefix, result: ResultOf<Op>): ResultOf<Op> {
  if ("kvs" in result) return innerRange(prefix, result);
  if ("prevKvs" in result) return { ...result, prevKvs: innerPairs(prefix, result.prevKvs) };
  if ("responses" in result) {
    return { ...result, responses: result.responses.map((one) => innerResult(prefix, one)) };
  }
  if ("prevKv" in result && result.prevKv !== undefined) {
    return { ...result, prevKv: innerPair(prefix, result.prevKv) };
  }
  return { ...result };
}

/** The answer to a range, or a chunk of it. */
export function innerRange(prefix: KeyPrefix, result: RangeResult): RangeResult {
  return { ...result, kvs: innerPairs(prefix, result.kvs) };
}

/** The watch that the store is asked for. */
export function outerWatch(prefix: KeyPrefix, request: WatchRequest): WatchRequest {
  // Servers read the empty key of a watch as the least one.
  const key = request.key.length === 0 ? new Uint8Array(1) : request.key;
  return { ...request, ...prefix.addToRange({ key, rangeEnd: request.rangeEnd }) };
}

/** What a watch delivers, as users of the namespace see it. */
export function innerBatch(prefix: KeyPrefix, batch: WatchBatch): WatchBatch {
  switch (batch.kind) {
    case "events":
      return { ...batch, events: batch.events.map((event) => innerEvent(prefix, event)) };
    case "state":
      return { ...batch, kvs: innerPairs(prefix, batch.kvs) };
    case "progress":
      return batch;
  }
}

function innerEvent(prefix: KeyPrefix, event: Event): Event {
  const { kv, prevKv } = event;
  return {
    ...event,
    ...(kv !== undefined && { kv: innerPair(prefix, kv) }),
    ...(prevKv !== undefined && { prevKv: innerPair(prefix, prevKv) }),
  };
}

function innerPairs(prefix: KeyPrefix, pairs: readonly KeyValue[]): readonly KeyValue[] {
  return pairs.map((pair) => innerPair(prefix, pair));
}

function innerPair(prefix: KeyPrefix, pair: KeyValue): KeyValue {
  return { ...pair, key: prefix.strip(pair.key) };
}

/** Of the keys of the whole store, those of the namespace, as its users know them. */
export function innerKeys(prefix: KeyPrefix, keys: readonly Uint8Array[]): readonly Uint8Array[] {
  return keys.filter((key) => prefix.has(key)).map((key) => prefix.strip(key));
}

/** Completes an error of a translation by what is known of a write, as every error of a write has it. */
export function withOutcome(error: unknown, op: Op, outcome: "not-applied" | "unknown"): unknown {
  if (!isEtcdError(error) || op.type === "range") return error;
  const { code, message, grpcCode } = error;
  return new EtcdError(code, message, { outcome, grpcCode, cause: error.cause });
}
