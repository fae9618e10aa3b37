import { create } from "@bufbuild/protobuf";
import {
  type Event,
  Event_EventType,
  type EventsBatch,
  type KeyValue,
  type ProgressBatch,
  type ResponseHeader,
  type StateBatch,
  type Watch,
  type WatchBatch,
  type WatchCall,
  type WatchOpener,
  type WatchRequest,
} from "@etcdkit/core";
import { EventSchema, KeyValueSchema } from "@etcdkit/core/protocol";
import { headerAt } from "../../core/test/header-at.js";
import { bytes } from "./memory-kv.js";

/** A watcher whose watches deliver what the test says, then end, or fail. */
export class ScriptedWatcher implements WatchOpener {
  readonly requests: WatchRequest[] = [];
  readonly calls: (WatchCall | undefined)[] = [];
  closed = 0;
  /** How many batches were asked for. */
  taken = 0;
  /** What becomes of the watches' `created`. */
  created: Promise<{ readonly revision: bigint }> = Promise.resolve({ revision: 1n });
  readonly #scripts: { readonly batches: readonly WatchBatch[]; readonly error: unknown }[] = [];

  constructor(batches: readonly WatchBatch[], error?: unknown) {
    this.next(batches, error);
  }

  /** What the watch delivers that is opened next; the last one said holds for all to come. */
  next(batches: readonly WatchBatch[], error?: unknown): this {
    this.#scripts.push({ batches, error });
    return this;
  }

  open(request: WatchRequest, call?: WatchCall): Watch {
    this.requests.push(request);
    this.calls.push(call);
    const watcher = this;
    const script = this.#scripts[Math.min(this.requests.length, this.#scripts.length) - 1];
    const close = async (): Promise<void> => void watcher.closed++;
    return {
      created: this.created,
      requestProgress: () => Promise.reject(new Error("a mirror does not ask for progress")),
      close,
      [Symbol.asyncDispose]: close,
      async *[Symbol.asyncIterator]() {
        for (const batch of script?.batches ?? []) {
          watcher.taken += 1;
          yield batch;
        }
        if (script?.error !== undefined) throw script.error;
      },
    };
  }
}

export const header = (revision: bigint): ResponseHeader => headerAt(revision, 7n);

export function pair(modRevision: bigint, key: string, value: string): KeyValue {
  const [createRevision, version] = [modRevision, 1n];
  return create(KeyValueSchema, {
    key: bytes(key),
    value: bytes(value),
    modRevision,
    createRevision,
    version,
  });
}

export function put(modRevision: bigint, key: string, value: string): Event {
  return create(EventSchema, { type: Event_EventType.PUT, kv: pair(modRevision, key, value) });
}

export function deletion(modRevision: bigint, key: string): Event {
  return create(EventSchema, { type: Event_EventType.DELETE, kv: { key: bytes(key), modRevision } });
}

export function state(revision: bigint, last: boolean, ...kvs: readonly KeyValue[]): StateBatch {
  return { kind: "state", header: header(revision), revision, kvs, last };
}

export function events(...all: readonly Event[]): EventsBatch {
  const revision = all.at(-1)?.kv?.modRevision ?? 0n;
  return { kind: "events", header: header(revision), revision, events: all };
}

export function progress(revision: bigint): ProgressBatch {
  return { kind: "progress", header: header(revision), revision };
}
