import {
  type BranchOp,
  type CallOptions,
  type Compare,
  EtcdError,
  type KeyValue,
  type KvExecutor,
  type Op,
  type RangeResult,
  type ResponseHeader,
  type ResultOf,
  type TxnOp,
  utf8,
} from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";

type State = ReadonlyMap<string, KeyValue>;

/** A request as the store got it. */
export interface Asked {
  readonly op: Op;
  readonly call: CallOptions | undefined;
}

/**
 * A store of single keys in memory, with its history: as much of etcd as transactions use. Answers come a turn of the event
 * loop later, and what a test puts into `before` happens in between.
 */
export class MemoryKv implements KvExecutor {
  /** Every request, in order. */
  readonly asked: Asked[] = [];
  /** Called with each request and its number, from 1, before it is answered; what it throws is the answer. */
  before: (asked: Asked, n: number) => void | Promise<void> = () => undefined;
  /** Older revisions than this cannot be read. */
  compacted = 0n;
  readonly #history: State[] = [new Map()];

  get revision(): bigint {
    return BigInt(this.#history.length - 1);
  }

  /** Writes keys at one revision, as another client would. `undefined` deletes. */
  write(values: Readonly<Record<string, string | undefined>>): bigint {
    const state = new Map(this.#now);
    const revision = this.revision + 1n;
    for (const [key, value] of Object.entries(values)) {
      const name = toBytes(key, "key");
      if (value === undefined) state.delete(nameOf(name));
      else state.set(nameOf(name), pairOf(name, toBytes(value, "value"), revision, this.#now));
    }
    this.#history.push(state);
    return revision;
  }

  /** The value of a key as text. */
  text(key: string): string | undefined {
    const pair = this.#now.get(nameOf(toBytes(key, "key")));
    return pair && utf8(pair.value);
  }

  /** How often a key was written since it was created. */
  version(key: string): bigint {
    return this.#now.get(nameOf(toBytes(key, "key")))?.version ?? 0n;
  }

  async execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    const asked = { op, call };
    const n = this.asked.push(asked);
    await this.before(asked, n);
    call?.signal?.throwIfAborted();
    return this.#answer(op) as ResultOf<O>;
  }

  get #now(): State {
    return this.#history.at(-1) ?? new Map();
  }

  #answer(op: Op): unknown {
    if (op.type === "range") return this.#range(op.key, op.revision);
    if (op.type === "txn") return this.#txn(op);
    throw new Error(`not asked for by transactions: ${op.type}`);
  }

  #range(key: Uint8Array, revision?: bigint): RangeResult {
    if (revision !== undefined && revision < this.compacted) throw new EtcdError("COMPACTED", "compacted");
    if (revision !== undefined && revision > this.revision) throw new EtcdError("FUTURE_REV", "not yet");
    const state = revision === undefined ? this.#now : this.#history[Number(revision)];
    const pair = state?.get(nameOf(key));
    return {
      header: headerAt(this.revision),
      kvs: pair === undefined ? [] : [pair],
      more: false,
      count: pair === undefined ? 0 : 1,
    };
  }

  #txn({ compare, success, failure }: TxnOp): unknown {
    const succeeded = compare.every((one) => this.#holds(one));
    const state = new Map(this.#now);
    const revision = this.revision + 1n;
    const responses = (succeeded ? success : failure).map((op: BranchOp) => {
      if (op.type === "range") return this.#range(op.key, op.revision);
      if (op.type === "put") state.set(nameOf(op.key), pairOf(op.key, op.value, revision, this.#now));
      else if (op.type === "delete") state.delete(nameOf(op.key));
      return {};
    });
    if (responses.some((_, i) => (succeeded ? success : failure)[i]?.type !== "range")) {
      this.#history.push(state);
    }
    return { header: headerAt(this.revision), succeeded, responses };
  }

  #holds(compare: Compare): boolean {
    if (compare.target !== "modRevision") throw new Error(`not compared by transactions: ${compare.target}`);
    const modRevision = this.#now.get(nameOf(compare.key))?.modRevision ?? 0n;
    if (compare.relation === "equal") return modRevision === compare.operand;
    if (compare.relation === "less") return modRevision < compare.operand;
    throw new Error(`not compared by transactions: ${compare.relation}`);
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}

function headerAt(revision: bigint): ResponseHeader {
  return {
    $typeName: "etcdserverpb.ResponseHeader",
    clusterId: 1n,
    memberId: 1n,
    revision,
    raftTerm: 1n,
  };
}

function pairOf(key: Uint8Array, value: Uint8Array, revision: bigint, before: State): KeyValue {
  const old = before.get(nameOf(key));
  return {
    $typeName: "mvccpb.KeyValue",
    key,
    value,
    createRevision: old?.createRevision ?? revision,
    modRevision: revision,
    version: (old?.version ?? 0n) + 1n,
    lease: 0n,
  };
}
