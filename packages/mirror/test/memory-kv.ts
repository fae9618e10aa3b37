import { Buffer } from "node:buffer";
import { create } from "@bufbuild/protobuf";
import {
  type CallOptions,
  compareBytes,
  type KeyValue,
  type KvExecutor,
  type Op,
  type RangeOp,
  type ResponseHeader,
  type ResultOf,
  type TxnOp,
  utf8,
  type WireRange,
} from "@etcdkit/core";
import { KeyValueSchema, ResponseHeaderSchema } from "@etcdkit/core/protocol";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** As much of a store as a mirror needs of its destination, with faults to order. */
export class MemoryKv implements KvExecutor {
  readonly ops: Op[] = [];
  revision = 1n;
  clusterId = 7n;
  /** What happens to the calls to come, first to last: a failure before the op is carried out, or after it. */
  readonly faults: { readonly error: unknown; readonly when: "before" | "after" }[] = [];
  /** By keys as text, one character for a byte: in the order of characters they are in that of bytes. */
  readonly #pairs = new Map<string, KeyValue>();

  /** Keys and values. */
  get pairs(): Record<string, string> {
    return Object.fromEntries(this.#sorted().map(({ key, value }) => [utf8(key), utf8(value)]));
  }

  put(key: string, value: string): void {
    this.revision += 1n;
    this.#put(bytes(key), bytes(value));
  }

  async execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    call?.signal?.throwIfAborted();
    this.ops.push(op);
    const fault = this.faults.shift();
    if (fault?.when === "before") throw fault.error;
    const result = this.#carryOut(op);
    if (fault?.when === "after") throw fault.error;
    return result as ResultOf<O>;
  }

  get header(): ResponseHeader {
    return create(ResponseHeaderSchema, { revision: this.revision, clusterId: this.clusterId });
  }

  #carryOut(op: Op): unknown {
    if (op.type === "range") return this.#range(op);
    if (op.type === "txn") {
      const succeeded = this.#holds(op);
      const list = succeeded ? op.success : op.failure;
      if (list.some(({ type }) => type !== "range")) this.revision += 1n;
      return { header: this.header, succeeded, responses: list.map((one) => this.#inside(one)) };
    }
    throw new Error(`a mirror has no need of ${op.type}`);
  }

  #inside(op: Op): unknown {
    switch (op.type) {
      case "put":
        return this.#put(op.key, op.value);
      case "delete":
        return this.#pairs.delete(nameOf(op.key));
      case "txn":
        return op.success.map((one) => this.#inside(one));
      default:
        return this.#carryOut(op);
    }
  }

  #holds({ compare }: TxnOp): boolean {
    return compare.every((one) => {
      const [pair] = this.#find({ key: one.key });
      if (one.target === "value") return pair !== undefined && compareBytes(pair.value, one.operand) === 0;
      if (one.target !== "version") throw new Error(`a mirror has no need of comparing ${one.target}`);
      return (pair?.version ?? 0n) === one.operand;
    });
  }

  #range(op: RangeOp) {
    const found = this.#find(op);
    const kvs = found
      .slice(0, op.limit)
      .map((pair) => ({ ...pair, value: op.keysOnly ? bytes("") : pair.value }));
    return { header: this.header, kvs, more: kvs.length < found.length, count: found.length };
  }

  #find({ key, rangeEnd }: WireRange): KeyValue[] {
    if (rangeEnd === undefined) return [this.#pairs.get(nameOf(key)) ?? []].flat();
    const [from, to] = [nameOf(key), nameOf(rangeEnd)];
    return this.#sorted().filter((pair) => {
      const name = nameOf(pair.key);
      return name >= from && (to === "\0" || name < to);
    });
  }

  #sorted(): KeyValue[] {
    return [...this.#pairs.keys()].sort().flatMap((name) => this.#pairs.get(name) ?? []);
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    const name = nameOf(key);
    const old = this.#pairs.get(name);
    const pair = create(KeyValueSchema, {
      key,
      value,
      modRevision: this.revision,
      createRevision: old?.createRevision ?? this.revision,
      version: (old?.version ?? 0n) + 1n,
    });
    this.#pairs.set(name, pair);
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
