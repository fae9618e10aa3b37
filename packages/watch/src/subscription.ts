import {
  type CallOptions,
  type Clock,
  EtcdError,
  type Event,
  type ResponseHeader,
  type Watch,
  type WatchBatch,
  type WatchRequest,
} from "@etcdkit/core";
import type { WatchResponse } from "@etcdkit/core/protocol";
import { checkOptions, headerOf, watchTables } from "@etcdkit/core/spi";
import { BatchQueue } from "./batch-queue.js";
import { ProgressWait } from "./progress-wait.js";
import { RevisionAssembly } from "./revision-assembly.js";

const defaultMaxBufferBytes = 4 * 1024 * 1024;
const largeEventBytes = 4 * 1024;

/** What a subscription needs from the stream that it is on. */
export interface SubscriptionHome {
  readonly clock: Clock;
  /** The subscription ends; its `place` still says where it was. */
  leave(subscription: Subscription): void;
  /** Asks the server how far the watches of the stream are. */
  askProgress(): void;
}

/**
 * Where a subscription is: `waiting` to be created on the server, `creating` when the server was asked, `active` when it
 * sends events, `held` when something else comes first (a state to read, room in the buffer), `over` when it has ended.
 */
export type Place = "held" | "waiting" | "creating" | "active" | "over";

/**
 * One watch: what was asked for, how far it is, and what is ready for its reader. It outlives the calls that feed it. There
 * may be many thousands that are idle, so everything that an idle one can do without is made when it is needed.
 */
export class Subscription implements Watch {
  readonly request: WatchRequest;
  readonly queue: BatchQueue;
  place: Place = "held";
  /** The id on the server while `active`. */
  id = -1;
  /** The revision to resume from; `0n` while that is "now". */
  nextRevision: bigint;
  /** Whether its events are so large that the server had better send them in parts. */
  hasLargeEvents = false;
  /** How often in a row the server has refused it for a token and it was tried again. */
  retries = 0;
  readonly #home: SubscriptionHome;
  readonly #signal: AbortSignal | undefined;
  /** Everything up to here was delivered or is not wanted. Progress does not count: some servers announce too much. */
  #delivered: bigint;
  #assembly: RevisionAssembly | undefined;
  /** The revision of the store when the watch first stood. */
  #createdAt: bigint | undefined;
  #created: Promise<{ readonly revision: bigint }> | undefined;
  #settleCreated:
    | { resolve(value: { readonly revision: bigint }): void; reject(reason: unknown): void }
    | undefined;
  #work: AbortController | undefined;
  #progressWaits: Set<ProgressWait> | undefined;
  /** What calls reject with once it is over. */
  #endedBy: unknown;

  constructor(request: WatchRequest, signal: AbortSignal | undefined, home: SubscriptionHome) {
    const { startRevision, maxBufferBytes = defaultMaxBufferBytes } = request;
    this.request = request;
    this.queue = new BatchQueue(maxBufferBytes);
    this.nextRevision = startRevision ?? 0n;
    this.#delivered = (startRevision ?? 1n) - 1n;
    this.#home = home;
    this.#signal = signal;
    // The object itself listens, which costs less than a function of its own.
    signal?.addEventListener("abort", this, { once: true });
    if (signal?.aborted === true) this.handleEvent();
  }

  // What the reader sees

  get created(): Promise<{ readonly revision: bigint }> {
    this.#created ??= this.#makeCreated();
    return this.#created;
  }

  async requestProgress(call: Pick<CallOptions, "signal" | "timeoutMs"> = {}): Promise<bigint> {
    checkOptions(watchTables.requestProgress, call);
    call.signal?.throwIfAborted();
    if (this.place === "over") throw this.#endedBy;
    this.#progressWaits ??= new Set();
    const waits = this.#progressWaits;
    const wait = new ProgressWait(this.#home.clock, () => this.#home.askProgress(), call);
    waits.add(wait);
    return await wait.answer.finally(() => waits.delete(wait));
  }

  close(): Promise<void> {
    this.queue.clear();
    this.#end(new EtcdError("CLOSED", "the watch is closed"), {});
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchBatch, undefined> {
    return new WatchReader(this);
  }

  /** The caller's signal has aborted. */
  handleEvent(): void {
    const reason: unknown = this.#signal?.reason;
    this.queue.clear();
    this.#end(reason, { error: reason });
  }

  // What the stream does

  /** How far it is, for errors; `undefined` as long as nothing was delivered. */
  get lastSeen(): bigint | undefined {
    const { startRevision = 0n } = this.request;
    return this.nextRevision > startRevision ? this.nextRevision - 1n : undefined;
  }

  /** The server has created it. Only the first time the reader hears of that, and only then "now" has a revision. */
  begin(id: number, header: ResponseHeader): void {
    this.place = "active";
    this.id = id;
    this.retries = 0;
    // The header may be ahead of the moment when the server registered the watch (etcd 3.7). What happened in between is
    // delivered or not depending on chance; dropping it makes the watch begin at one revision, whatever breaks when.
    if (this.nextRevision === 0n) this.startAfter(header.revision);
    this.stand(header.revision);
  }

  /** The watch stands at this revision of the store: what is written from now on will be seen. */
  stand(revision: bigint): void {
    if (this.#createdAt !== undefined) return;
    this.#createdAt = revision;
    this.#settleCreated?.resolve({ revision });
    this.#settleCreated = undefined;
  }

  /** Everything up to this revision is known to the reader by other means. */
  startAfter(revision: bigint): void {
    this.#delivered = revision;
    this.nextRevision = revision + 1n;
  }

  /** The server sends it no more for now. A revision that came in part will be fetched again as a whole. */
  interrupt(place: "held" | "waiting"): void {
    this.place = place;
    this.id = -1;
    this.#assembly = undefined;
  }

  /** Takes events, or part of them. */
  deliver(response: WatchResponse): void {
    const header = headerOf(response);
    if (response.fragment || this.#assembly !== undefined) {
      this.#assembly ??= new RevisionAssembly();
      this.#deliverRevisions(this.#assembly.add(response.events, response.fragment), header);
      if (!response.fragment) this.#assembly = undefined;
    } else if (response.events.length > 0) {
      this.#deliverRevisions(response.events, header);
    } else {
      this.progress(header);
    }
  }

  /** All up to the revision of the header has been sent. */
  progress(header: ResponseHeader): void {
    const { revision } = header;
    // From a member that lags behind, or of a time before the start: it says nothing new.
    if (revision + 1n < this.nextRevision) return;
    this.nextRevision = revision + 1n;
    this.queue.push({ kind: "progress", header, revision });
    for (const wait of this.#progressWaits ?? []) wait.succeed(revision);
  }

  /** A signal for work that is done for it while it is held; aborts when it ends. */
  beginWork(): AbortSignal {
    this.#work = new AbortController();
    return this.#work.signal;
  }

  /** It cannot go on. The reader hears of that after all that is there for it. */
  fail(error: unknown): void {
    this.#end(error, { error });
  }

  #deliverRevisions(events: readonly Event[], header: ResponseHeader): void {
    const fresh =
      revisionOf(events[0]) > this.#delivered
        ? events
        : events.filter((event) => revisionOf(event) > this.#delivered);
    if (fresh.length === 0) return;
    // One stands for all: those of a watch tend to be alike.
    this.hasLargeEvents = bytesOf(fresh[0]) >= largeEventBytes;
    const revision = revisionOf(fresh.at(-1));
    this.startAfter(revision);
    this.queue.push({ kind: "events", header, revision, events: fresh });
  }

  #end(calls: unknown, iteration: { readonly error?: unknown }): void {
    if (this.place === "over") return;
    this.#home.leave(this);
    this.place = "over";
    this.#endedBy = calls;
    this.#signal?.removeEventListener("abort", this);
    this.#work?.abort();
    this.#settleCreated?.reject(calls);
    this.#settleCreated = undefined;
    for (const wait of this.#progressWaits ?? []) wait.fail(calls);
    this.queue.end(iteration);
  }

  #makeCreated(): Promise<{ readonly revision: bigint }> {
    if (this.#createdAt !== undefined) return Promise.resolve({ revision: this.#createdAt });
    const created = new Promise<{ readonly revision: bigint }>((resolve, reject) => {
      if (this.place === "over") reject(this.#endedBy);
      else this.#settleCreated = { resolve, reject };
    });
    // The iteration tells of every failure; whoever does not look here misses nothing.
    created.catch(() => undefined);
    return created;
  }
}

function bytesOf(event: Event | undefined): number {
  return (event?.kv?.value.length ?? 0) + (event?.prevKv?.value.length ?? 0);
}

function revisionOf(event: Event | undefined): bigint {
  return event?.kv?.modRevision ?? 0n;
}

/** The iteration of a watch. A class, since most readers wait for long and closures of their own would cost several times as much. */
class WatchReader implements AsyncIterator<WatchBatch, undefined> {
  readonly #watch: Subscription;

  constructor(watch: Subscription) {
    this.#watch = watch;
  }

  next(): Promise<IteratorResult<WatchBatch, undefined>> {
    return this.#watch.queue.next();
  }

  async return(): Promise<IteratorResult<WatchBatch, undefined>> {
    await this.#watch.close();
    return { done: true, value: undefined };
  }
}
