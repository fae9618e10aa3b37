import {
  type BranchOp,
  type Compare,
  type CompareRelation,
  compareBytes,
  type DeleteOp,
  type DeleteResult,
  EtcdError,
  type EtcdErrorCode,
  type Event,
  Event_EventType,
  type KeyValue,
  type Op,
  type PutOp,
  type PutResult,
  type RangeOp,
  type RangeResult,
  type ResponseHeader,
  type ResultOf,
  type WireRange,
} from "../src/index.js";
import { headerAt } from "./header-at.js";

/** Leases by their ids: a set, or a map to whatever a test knows of them. */
export type LeaseIds = Pick<Map<bigint, unknown>, "has" | "delete">;

/** What a {@link MemoryStore} begins with. */
export interface MemoryStoreOptions {
  /** Default 1, etcd's own. */
  readonly revision?: bigint | undefined;
  /** The leases that there are. Left out: every one. */
  readonly leases?: LeaseIds | undefined;
}

/**
 * What etcd does with keys, in memory and at once: revisions, ranges, compares, transactions, leases that keys are tied to,
 * history. Ways to it, with their faults and delays, are for those who test; so are watches, which `events` is for.
 */
export class MemoryStore {
  /** To be set where a store went back in time. */
  revision: bigint;
  clusterId = 1n;
  /** Older revisions than this cannot be read. */
  compacted = 0n;
  /** All that ever happened, in order; the revision of each is its pair's `modRevision`. */
  readonly events: Event[] = [];
  readonly #leases: LeaseIds | undefined;
  readonly #history: { readonly revision: bigint; readonly pairs: readonly KeyValue[] }[] = [];
  #pairs: readonly KeyValue[] = [];
  /** What the request that is being carried out has changed. */
  #changes: Event[] = [];

  constructor({ revision = 1n, leases }: MemoryStoreOptions = {}) {
    this.revision = revision;
    this.#leases = leases;
    this.#history.push({ revision, pairs: [] });
  }

  /** Every pair, in the order of keys. */
  get pairs(): readonly KeyValue[] {
    return this.#pairs;
  }

  /** What the pairs were at a revision. */
  at(revision: bigint): readonly KeyValue[] {
    return this.#history.findLast((state) => state.revision <= revision)?.pairs ?? [];
  }

  get header(): ResponseHeader {
    return headerAt(this.#changes.length > 0 ? this.revision + 1n : this.revision, this.clusterId);
  }

  /** Carries out an op: all of it at one revision, or nothing. */
  apply<O extends Op>(op: O): ResultOf<O>;
  apply(op: Op): ResultOf<Op> {
    if (op.type === "compact") {
      if (op.revision <= this.compacted) refuse("COMPACTED");
      if (op.revision > this.revision) refuse("FUTURE_REV");
      this.compacted = op.revision;
      return { header: this.header };
    }
    writesOf([op]);
    return this.#atOnce(() => this.#plan(op)());
  }

  /** Ends a lease, as a revocation or its expiry does: deletes the keys that are tied to it. */
  end(leaseId: bigint): void {
    this.#leases?.delete(leaseId);
    this.#atOnce(() => {
      for (const pair of this.#pairs) if (pair.lease === leaseId) this.#remove(pair);
    });
  }

  #atOnce<T>(work: () => T): T {
    const before = this.#pairs;
    try {
      const result = work();
      if (this.#changes.length > 0) {
        this.revision += 1n;
        this.events.push(...this.#changes);
        this.#history.push({ revision: this.revision, pairs: this.#pairs });
      }
      return result;
    } catch (error) {
      this.#pairs = before;
      throw error;
    } finally {
      this.#changes = [];
    }
  }

  /** Decides every compare before anything is done, those of transactions inside too. */
  #plan(op: BranchOp): () => ResultOf<BranchOp> {
    switch (op.type) {
      case "range":
        return () => this.#range(op);
      case "put":
        return () => this.#put(op);
      case "delete":
        return () => this.#delete(op);
      case "txn": {
        const succeeded = op.compare.every((one) => this.#holds(one));
        const steps = (succeeded ? op.success : op.failure).map((one) => this.#plan(one));
        return () => {
          const responses = steps.map((step) => step());
          return { header: this.header, succeeded, responses };
        };
      }
    }
  }

  #range(op: RangeOp): RangeResult {
    const { revision } = op;
    if (revision !== undefined && revision < this.compacted) refuse("COMPACTED");
    if (revision !== undefined && revision > this.revision) refuse("FUTURE_REV");
    const all = within(revision === undefined ? this.#pairs : this.at(revision), op);
    const count = all.length;
    if (op.countOnly === true) return { header: this.header, kvs: [], more: false, count };
    const wanted = all.filter((pair) => isWanted(pair, op)).toSorted(order(op));
    const kvs = wanted.slice(0, op.limit || undefined);
    const more = kvs.length < wanted.length;
    // Without its lease too, as etcd 3.7 does it.
    const shown = op.keysOnly === true ? kvs.map((pair) => ({ ...pair, value: nothing, lease: 0n })) : kvs;
    return { header: this.header, kvs: shown, more, count };
  }

  #put(op: PutOp): PutResult {
    const { key, leaseId = 0n } = op;
    const [before] = within(this.#pairs, { key });
    if ((op.ignoreValue || op.ignoreLease) && before === undefined) refuse("KEY_NOT_FOUND");
    if (leaseId !== 0n && this.#leases?.has(leaseId) === false) refuse("LEASE_NOT_FOUND");
    const modRevision = this.revision + 1n;
    const kv: KeyValue = {
      $typeName: "mvccpb.KeyValue",
      key,
      value: op.ignoreValue && before !== undefined ? before.value : op.value,
      createRevision: before?.createRevision ?? modRevision,
      modRevision,
      version: (before?.version ?? 0n) + 1n,
      lease: op.ignoreLease && before !== undefined ? before.lease : leaseId,
    };
    this.#pairs = this.#pairs.toSpliced(placeOf(key, this.#pairs), before === undefined ? 0 : 1, kv);
    this.#changes.push({ $typeName: "mvccpb.Event", type: Event_EventType.PUT, kv });
    return { header: this.header, ...(op.prevKv && before !== undefined && { prevKv: before }) };
  }

  #delete(op: DeleteOp): DeleteResult {
    const gone = within(this.#pairs, op);
    for (const pair of gone) this.#remove(pair);
    return { header: this.header, deleted: gone.length, prevKvs: op.prevKv ? gone : [] };
  }

  #remove({ $typeName, key }: KeyValue): void {
    this.#pairs = this.#pairs.toSpliced(placeOf(key, this.#pairs), 1);
    const kv: KeyValue = { $typeName, key, ...missing, modRevision: this.revision + 1n };
    this.#changes.push({ $typeName: "mvccpb.Event", type: Event_EventType.DELETE, kv });
  }

  #holds(compare: Compare): boolean {
    const found = within(this.#pairs, compare);
    if (found.length === 0) return compare.target !== "value" && isMet(compare, missing);
    return found.every((pair) => isMet(compare, pair));
  }
}

const nothing: Uint8Array = new Uint8Array();
const missing: Omit<KeyValue, "$typeName" | "key"> = {
  value: nothing,
  version: 0n,
  createRevision: 0n,
  modRevision: 0n,
  lease: 0n,
};

function refuse(code: EtcdErrorCode): never {
  throw new EtcdError(code, "refused by the store in memory", { outcome: "not-applied" });
}

/** What a list may write. Refuses two writes of one key, and longer lists than servers take by default. */
function writesOf(ops: readonly BranchOp[]): readonly (PutOp | DeleteOp)[] {
  const writes: (PutOp | DeleteOp)[] = [];
  for (const op of ops) {
    if (op.type === "range") continue;
    if (op.type === "txn" && Math.max(op.compare.length, op.success.length, op.failure.length) > 128) {
      refuse("TOO_MANY_OPS");
    }
    const own = op.type === "txn" ? [...writesOf(op.success), ...writesOf(op.failure)] : [op];
    if (own.some((one) => writes.some((other) => collide(one, other)))) refuse("DUPLICATE_KEY");
    writes.push(...own);
  }
  return writes;
}

function collide(a: PutOp | DeleteOp, b: PutOp | DeleteOp): boolean {
  return (a.type === "put" && isWithin(a.key, b)) || (b.type === "put" && isWithin(b.key, a));
}

/** Where a key stands among others, or would. */
function placeOf(key: Uint8Array, pairs: readonly Pick<KeyValue, "key">[]): number {
  let [low, high] = [0, pairs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const pair = pairs[middle];
    if (pair !== undefined && compareBytes(pair.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a range means a key. */
export function isWithin(key: Uint8Array, range: WireRange): boolean {
  return within([{ key }], range).length > 0;
}

/** The pairs that a range means, as etcd reads it. */
function within<Pair extends Pick<KeyValue, "key">>(
  pairs: readonly Pair[],
  { key, rangeEnd = nothing }: WireRange,
): readonly Pair[] {
  if (key.length === 0) refuse("EMPTY_KEY");
  const first = placeOf(key, pairs);
  if (rangeEnd.length === 0) {
    const pair = pairs[first];
    return pair !== undefined && compareBytes(pair.key, key) === 0 ? [pair] : [];
  }
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return pairs.slice(first, open ? undefined : Math.max(first, placeOf(rangeEnd, pairs)));
}

function isWanted({ modRevision, createRevision }: KeyValue, op: RangeOp): boolean {
  return (
    modRevision >= (op.minModRevision ?? 0n) &&
    modRevision <= (op.maxModRevision ?? modRevision) &&
    createRevision >= (op.minCreateRevision ?? 0n) &&
    createRevision <= (op.maxCreateRevision ?? createRevision)
  );
}

function order({ sort }: RangeOp): (a: KeyValue, b: KeyValue) => number {
  if (sort === undefined) return () => 0;
  const sign = sort.order === "ascending" ? 1 : -1;
  const attribute = { version: "version", created: "createRevision", modified: "modRevision" } as const;
  return (a, b) => {
    if (sort.by === "key" || sort.by === "value") return sign * compareBytes(a[sort.by], b[sort.by]);
    const name = attribute[sort.by];
    return sign * Number(a[name] - b[name]);
  };
}

/** Whether a compare holds for one pair. */
function isMet(compare: Compare, pair: typeof missing): boolean {
  if (compare.target === "value") {
    return relates(compareBytes(pair.value, compare.operand), compare.relation);
  }
  return relates(Number(pair[compare.target] - compare.operand), compare.relation);
}

function relates(difference: number, relation: CompareRelation): boolean {
  switch (relation) {
    case "equal":
      return difference === 0;
    case "notEqual":
      return difference !== 0;
    case "greater":
      return difference > 0;
    case "less":
      return difference < 0;
  }
}
