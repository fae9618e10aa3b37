import type { ConnectionState } from "@etcdkit/transport";
import type { EtcdError } from "../errors/etcd-error.js";

/** Something that happened to a connection. */
export type ConnectionEvent =
  /** The link to an endpoint changed its state. `error` tells why it was lost or could not be made. */
  | {
      readonly type: "endpoint-state";
      readonly endpoint: string;
      readonly state: ConnectionState;
      readonly error?: EtcdError | undefined;
    }
  /** A member said through the health service whether it serves (`healthCheck`). */
  | { readonly type: "endpoint-health"; readonly endpoint: string; readonly serving: boolean }
  /** The endpoints were replaced, by `setEndpoints` or from the member list. */
  | { readonly type: "endpoints-changed"; readonly endpoints: readonly string[] }
  /** The connection logged in and holds a new token; `authEnabled` is false when the cluster wants none. */
  | { readonly type: "logged-in"; readonly authEnabled: boolean }
  /** The member list could not be read or had nothing to offer; the endpoints stay as they are. */
  | { readonly type: "sync-failed"; readonly error: EtcdError }
  /** The reader was too slow; this many events are missing here. */
  | { readonly type: "events-dropped"; readonly count: number };

// A reader that falls behind by more than this loses the oldest events, and is told so.
const longestQueue = 256;

/** Hands each event to every reader there is at that moment. */
export class ConnectionEvents {
  readonly #readers = new Set<EventReader>();
  #closed = false;

  emit(event: ConnectionEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  /** Starts reading now: events from here on are kept for the reader, up to 256 of them. */
  read(signal: AbortSignal | undefined): AsyncIterableIterator<ConnectionEvent> {
    const reader = new EventReader(signal, (done) => this.#readers.delete(done));
    if (this.#closed) reader.end();
    else if (!reader.done) this.#readers.add(reader);
    return reader;
  }

  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.end();
  }
}

class EventReader implements AsyncIterableIterator<ConnectionEvent> {
  readonly #queue: ConnectionEvent[] = [];
  readonly #onDone: (reader: EventReader) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#finish({ reason: this.#signal?.reason });
  #dropped = 0;
  #done = false;
  #failure: { readonly reason: unknown } | undefined;
  #waiting: { resolve(result: IteratorResult<ConnectionEvent>): void; reject(reason: unknown): void }[] = [];

  constructor(signal: AbortSignal | undefined, onDone: (reader: EventReader) => void) {
    this.#signal = signal;
    this.#onDone = onDone;
    if (signal?.aborted) this.#finish({ reason: signal.reason });
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Whether it takes no more events. */
  get done(): boolean {
    return this.#done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(event: ConnectionEvent): void {
    if (this.#done) return;
    const reader = this.#waiting.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: event });
      return;
    }
    if (this.#queue.length >= longestQueue) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#queue.push(event);
  }

  /** No more events will come; those kept can still be read. */
  end(): void {
    this.#finish(undefined);
  }

  next(): Promise<IteratorResult<ConnectionEvent>> {
    if (this.#dropped > 0) {
      const count = this.#dropped;
      this.#dropped = 0;
      return Promise.resolve({ done: false, value: { type: "events-dropped", count } });
    }
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#failure !== undefined) {
      const { reason } = this.#failure;
      this.#failure = undefined; // thrown once
      return Promise.reject(reason);
    }
    if (this.#done) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<ConnectionEvent>> {
    this.#queue.length = 0;
    this.#dropped = 0;
    this.#finish(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  #finish(failure: { readonly reason: unknown } | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const waiting = this.#waiting;
    this.#waiting = [];
    if (failure !== undefined && waiting.length > 0) waiting.shift()?.reject(failure.reason);
    else this.#failure = failure;
    for (const reader of waiting) reader.resolve({ done: true, value: undefined });
    this.#onDone(this);
  }
}
