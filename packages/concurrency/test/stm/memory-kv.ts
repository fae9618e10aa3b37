import {
  type CallOptions,
  type KeyValue,
  type KvExecutor,
  type Op,
  op,
  type ResultOf,
  utf8,
} from "@etcdkit/core";
import { MemoryStore } from "../../../core/test/memory-store.js";

/** A request as the store got it. */
export interface Asked {
  readonly op: Op;
  readonly call: CallOptions | undefined;
}

/** A store whose answers come a turn of the event loop later. What a test puts into `before` happens in between. */
export class MemoryKv extends MemoryStore implements KvExecutor {
  /** Every request, in order. */
  readonly asked: Asked[] = [];
  /** Called with each request and its number, from 1, before it is answered; what it throws is the answer. */
  before: (asked: Asked, n: number) => void | Promise<void> = () => undefined;

  constructor() {
    super({ revision: 0n });
  }

  /** Writes keys at one revision, as another client would. `undefined` deletes. */
  write(values: Readonly<Record<string, string | undefined>>): bigint {
    const success = Object.entries(values).map(([key, value]) =>
      value === undefined ? op.delete(key) : op.put(key, value),
    );
    return this.apply(op.txn({ success })).header.revision;
  }

  /** The value of a key as text. */
  text(key: string): string | undefined {
    const pair = this.#find(key);
    return pair && utf8(pair.value);
  }

  /** How often a key was written since it was created. */
  version(key: string): bigint {
    return this.#find(key)?.version ?? 0n;
  }

  async execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    const asked = { op, call };
    const n = this.asked.push(asked);
    await this.before(asked, n);
    call?.signal?.throwIfAborted();
    return this.apply(op);
  }

  #find(key: string): KeyValue | undefined {
    return this.apply(op.range(key)).kvs[0];
  }
}
