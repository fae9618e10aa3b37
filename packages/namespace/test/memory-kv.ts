import {
  type CallOptions,
  type Compare,
  compareBytes,
  type DeleteResult,
  type KeyValue,
  type Kv,
  kvFrom,
  type Op,
  type PutOp,
  type PutResult,
  type RangeOp,
  type RangeResult,
  type ResponseHeader,
  type ResultOf,
  type TxnOp,
  type TxnResult,
  type WireRange,
} from "@etcdkit/core";

/** A store in memory, without history: as much of etcd as shows whether a decorator asks for the right keys. */
export interface MemoryStore {
  readonly kv: Kv;
  /** Every pair, in the order of keys. */
  readonly pairs: readonly KeyValue[];
  /** Every op that arrived, as it arrived. */
  readonly asked: Op[];
}

/** @param revision - Where the revisions of the store begin. */
export function createMemoryStore(revision = 1n): MemoryStore {
  let current = revision;
  let pairs: readonly KeyValue[] = [];
  const asked: Op[] = [];

  const header = (): ResponseHeader => ({
    $typeName: "etcdserverpb.ResponseHeader",
    clusterId: 1n,
    memberId: 1n,
    revision: current,
    raftTerm: 1n,
  });

  const find = (key: Uint8Array): KeyValue | undefined => pairs.find((pair) => same(pair.key, key));

  function range(op: RangeOp): RangeResult {
    const all = pairs.filter(({ key }) => isWithin(key, op));
    const wanted = all.filter((pair) => isWanted(pair, op)).toSorted(order(op));
    const kvs = wanted
      .slice(0, op.limit)
      .map((pair) => ({ ...pair, ...(op.keysOnly && { value: nothing }) }));
    const more = kvs.length < wanted.length;
    return { header: header(), kvs: op.countOnly ? [] : kvs, more: !op.countOnly && more, count: all.length };
  }

  /** Writes, at the revision that the whole request has. */
  function put(op: PutOp, at: bigint): PutResult {
    const before = find(op.key);
    const pair: KeyValue = {
      $typeName: "mvccpb.KeyValue",
      key: op.key,
      value: op.ignoreValue && before !== undefined ? before.value : op.value,
      createRevision: before?.createRevision ?? at,
      modRevision: at,
      version: (before?.version ?? 0n) + 1n,
      lease: op.leaseId ?? 0n,
    };
    pairs = [...pairs.filter((other) => other !== before), pair].toSorted((a, b) =>
      compareBytes(a.key, b.key),
    );
    current = at;
    return { header: header(), ...(op.prevKv && before !== undefined && { prevKv: before }) };
  }

  function remove(op: WireRange & { readonly prevKv?: boolean | undefined }, at: bigint): DeleteResult {
    const gone = pairs.filter(({ key }) => isWithin(key, op));
    pairs = pairs.filter((pair) => !gone.includes(pair));
    if (gone.length > 0) current = at;
    return { header: header(), deleted: gone.length, prevKvs: op.prevKv ? gone : [] };
  }

  function holds(compare: Compare): boolean {
    const found = pairs.filter(({ key }) => isWithin(key, compare));
    if (found.length > 0) return found.every((pair) => isMet(compare, pair));
    return compare.target !== "value" && isMet(compare, absent);
  }

  /** Decides every compare before anything is done, those of transactions inside too. */
  function plan(op: TxnOp): (at: bigint) => TxnResult {
    const succeeded = op.compare.every(holds);
    const steps = (succeeded ? op.success : op.failure).map((one) => {
      if (one.type === "txn") return plan(one);
      return (at: bigint) =>
        one.type === "range" ? range(one) : one.type === "put" ? put(one, at) : remove(one, at);
    });
    return (at) => {
      const responses = steps.map((step) => step(at));
      return { header: header(), succeeded, responses };
    };
  }

  async function carryOut(op: Op): Promise<ResultOf<Op>> {
    asked.push(op);
    const next = current + 1n;
    switch (op.type) {
      case "range":
        return range(op);
      case "put":
        return put(op, next);
      case "delete":
        return remove(op, next);
      case "txn":
        return { ...plan(op)(next), header: header() };
      case "compact":
        return { header: header() };
    }
  }

  return {
    kv: kvFrom({
      execute: <O extends Op>(op: O, _call?: CallOptions) => carryOut(op) as Promise<ResultOf<O>>,
      async *stream(op) {
        asked.push(op);
        const whole = range(op);
        for (const pair of whole.kvs) yield { ...whole, kvs: [pair] };
      },
    }),
    get pairs() {
      return pairs;
    },
    asked,
  };
}

const nothing: Uint8Array = new Uint8Array();
const absent: Pick<KeyValue, "value" | "version" | "createRevision" | "modRevision" | "lease"> = {
  value: nothing,
  version: 0n,
  createRevision: 0n,
  modRevision: 0n,
  lease: 0n,
};

function same(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0;
}

/** Whether a request for `range` means `key`, as etcd reads it. */
export function isWithin(key: Uint8Array, { key: first, rangeEnd = nothing }: WireRange): boolean {
  if (rangeEnd.length === 0) return same(key, first);
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return compareBytes(key, first) >= 0 && (open || compareBytes(key, rangeEnd) < 0);
}

function isWanted(pair: KeyValue, op: RangeOp): boolean {
  return (
    pair.modRevision >= (op.minModRevision ?? 0n) &&
    pair.modRevision <= (op.maxModRevision ?? pair.modRevision) &&
    pair.createRevision >= (op.minCreateRevision ?? 0n) &&
    pair.createRevision <= (op.maxCreateRevision ?? pair.createRevision)
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

function isMet(compare: Compare, pair: typeof absent): boolean {
  const difference =
    compare.target === "value"
      ? compareBytes(pair.value, compare.operand)
      : Number(pair[compare.target] - compare.operand);
  switch (compare.relation) {
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
