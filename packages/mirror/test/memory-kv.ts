import { type CallOptions, type KvExecutor, type Op, op, type ResultOf, utf8 } from "@etcdkit/core";
import { MemoryStore } from "../../core/test/memory-store.js";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A store to mirror from or to, with faults to order. */
export class MemoryKv extends MemoryStore implements KvExecutor {
  readonly ops: Op[] = [];
  override clusterId = 7n;
  /** What happens to the calls to come, first to last: a failure before the op is carried out, or after it. */
  readonly faults: { readonly error: unknown; readonly when: "before" | "after" }[] = [];

  /** Keys and values. */
  get texts(): Record<string, string> {
    return Object.fromEntries(this.pairs.map(({ key, value }) => [utf8(key), utf8(value)]));
  }

  put(key: string, value: string): void {
    this.apply(op.put(key, value));
  }

  async execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    call?.signal?.throwIfAborted();
    this.ops.push(op);
    const fault = this.faults.shift();
    if (fault?.when === "before") throw fault.error;
    const result = this.apply(op);
    if (fault?.when === "after") throw fault.error;
    return result;
  }
}
