import {
  type Clock,
  type Connection,
  type EtcdError,
  isEtcdError,
  type ResponseHeader,
  type WatchCall,
  type WatchRequest,
} from "@etcdkit/core";
import type { WatchResponse } from "@etcdkit/core/protocol";
import { type BackOff, headerOf, pauseMs, sleep } from "@etcdkit/core/spi";
import { FailureJudge, kindOfFailure } from "./failure-judge.js";
import { History } from "./history.js";
import { loadState } from "./load-state.js";
import { probe } from "./probe.js";
import { refusalOf, tokenRetries } from "./refusal.js";
import { cancelMessage, createMessage, progressMessage } from "./requests.js";
import { Subscription, type SubscriptionHome } from "./subscription.js";
import { WatchStreamCall } from "./watch-call.js";

/** Pauses between attempts to open the stream again; the first attempt comes at once. */
const backOff: BackOff = { baseMs: 25, capMs: 500, jitter: 1 };
/** A call that lasted this long was no failure: the next one comes at once again. */
const healthyAfterMs = 1_000;
/** Creates under way: so that many watches are soon back over a long link, and a server is not swamped by them. */
const mostCreating = 64;
const broadcastId = -1n;
/** An id that no server comes to by itself. */
const uncommonId = 2n ** 40n;

/** What a stream needs. */
export interface StreamSetup {
  readonly transport: Connection["transport"];
  readonly clock: Clock;
  /** Metadata of all its watches. */
  readonly call: WatchCall;
  /** How many endpoints there are to turn to. */
  readonly endpoints: () => number;
  /** The last of its watches has left, so it has ended. */
  readonly onEmpty: (stream: WatchStream) => void;
  /** A watch has come, left or been parked, or its reader has caught up. */
  readonly onChange: () => void;
}

/**
 * Watches with the same metadata, over one call at a time. When that breaks it opens another one and resumes each watch
 * where it was.
 *
 * Everything happens in order, one answer after the other. The answer to a create does not say what it answers, but members
 * answer creates in the order in which they got them. etcd's gRPC proxy does not: one that joins another client's watch is
 * answered before those that have to be opened. A member gives a watch the id that it is asked for, the proxy one of its own,
 * so that creates go one by one until the first id has come back.
 */
export class WatchStream implements SubscriptionHome {
  readonly #setup: StreamSetup;
  readonly #history = new History();
  readonly #judge: FailureJudge;
  readonly #life = new AbortController();
  readonly #members = new Set<Subscription>();
  readonly #active = new Map<number, Subscription>();
  readonly #parked = new Set<Subscription>();
  #waiting = new Set<Subscription>();
  /** Those that the server was asked to create, in order; `undefined` for one that nobody wants any more. */
  #creating: (Subscription | undefined)[] = [];
  /** Ids that the server was told to cancel: what it still sends for them is old. */
  readonly #cancelled = new Set<number>();
  #call: WatchStreamCall | undefined;
  #running = false;
  #established = false;
  /** An answer was larger than may be received: they had better come in parts. */
  #inParts = false;
  /** Whether the call speaks to the store that was watched before. */
  #verified = false;

  constructor(setup: StreamSetup) {
    this.#setup = setup;
    this.#judge = new FailureJudge(setup.clock);
  }

  get clock(): Clock {
    return this.#setup.clock;
  }

  /** How many watches it has, and how many of these are off it because their readers are slow. */
  get counts(): { readonly watches: number; readonly parked: number } {
    return { watches: this.#members.size, parked: this.#parked.size };
  }

  open(request: WatchRequest, signal: AbortSignal | undefined): Subscription {
    const subscription = new Subscription(request, signal, this);
    // The signal may have aborted before.
    if (subscription.place === "over") {
      this.#endIfEmpty();
      return subscription;
    }
    this.#members.add(subscription);
    this.#setup.onChange();
    if (request.initial === true) this.#load(subscription);
    else this.#enqueue(subscription);
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
    return subscription;
  }

  leave(subscription: Subscription): void {
    this.#members.delete(subscription);
    this.#parked.delete(subscription);
    this.#call?.progress.forget(subscription);
    const { place } = subscription;
    if (place === "waiting") this.#waiting.delete(subscription);
    if (place === "creating") this.#creating[this.#creating.indexOf(subscription)] = undefined;
    if (place === "active") this.#deactivate(subscription);
    this.#endIfEmpty();
    this.#setup.onChange();
  }

  askProgress(): void {
    if (this.#active.size === 0 || this.#call === undefined) return;
    this.#call.send(progressMessage());
    this.#call.progress.asked();
  }

  /** Ends every watch with an error. */
  fail(error: unknown): void {
    for (const subscription of [...this.#members]) subscription.fail(error);
  }

  /** Ends every watch quietly. */
  close(): void {
    for (const subscription of [...this.#members]) void subscription.close();
  }

  get #over(): boolean {
    return this.#life.signal.aborted;
  }

  #endIfEmpty(): void {
    if (this.#members.size > 0 || this.#over) return;
    this.#life.abort();
    this.#call?.end();
    this.#setup.onEmpty(this);
  }

  async #run(): Promise<void> {
    const { clock, call, transport, endpoints } = this.#setup;
    let failures = 0;
    let failedAt: string | undefined;
    while (!this.#over) {
      const current = new WatchStreamCall(transport, call, clock.now(), failedAt);
      this.#call = current;
      this.#createWaiting();
      // The end of the answers without an error is a broken stream like any other.
      let failure: unknown;
      try {
        for await (const response of current.responses()) await this.#take(response, current);
      } catch (error) {
        failure = error;
      }
      const wasLeft = this.#call !== current;
      this.#interrupt(current);
      if (this.#over) return;
      failedAt = isEtcdError(failure) ? failure.endpoint : undefined;
      if (isEtcdError(failure, "MESSAGE_TOO_LARGE") && !this.#inParts) {
        this.#inParts = true;
      } else if (failure !== undefined && !wasLeft) {
        const { worked } = current;
        const established = this.#established;
        if (this.#judge.isFinal(failure, { established, worked, endpoints: endpoints() })) {
          this.fail(failure);
          return;
        }
      }
      if (clock.now() - current.openedAt >= healthyAfterMs) failures = 0;
      if (failures > 0) {
        // What ends the pause early is found out by the loop.
        await sleep(clock, pauseMs(backOff, failures), this.#life.signal).catch(() => undefined);
      }
      failures += 1;
    }
  }

  /** The call is over. All its watches wait for the next one, those first that it had not come to. */
  #interrupt(current: WatchStreamCall): void {
    current.end();
    this.#call = undefined;
    this.#verified = false;
    const asked = this.#creating.filter((subscription) => subscription !== undefined);
    const again = [...asked, ...this.#waiting, ...this.#active.values()];
    this.#creating = [];
    this.#active.clear();
    this.#cancelled.clear();
    this.#waiting = new Set(again);
    for (const subscription of again) subscription.interrupt("waiting");
  }

  /** Leaves a call that works, for one with another token. */
  #reopen(): void {
    const call = this.#call;
    this.#call = undefined;
    call?.end();
  }

  #enqueue(subscription: Subscription): void {
    subscription.interrupt("waiting");
    this.#waiting.add(subscription);
    this.#createWaiting();
  }

  #createWaiting(): void {
    if (this.#call === undefined) return;
    for (const subscription of this.#waiting) {
      const { keepsOrder } = this.#call;
      if (this.#creating.length >= (keepsOrder ? mostCreating : 1)) return;
      const { request, nextRevision, hasLargeEvents } = subscription;
      this.#waiting.delete(subscription);
      subscription.place = "creating";
      this.#creating.push(subscription);
      const fragment = request.fragment ?? (hasLargeEvents || this.#inParts);
      const id = keepsOrder ? 0n : uncommonId;
      this.#call.progress.creating(subscription);
      this.#call.send(createMessage(request, { startRevision: nextRevision, fragment, id }));
    }
  }

  #cancel(id: number): void {
    this.#cancelled.add(id);
    this.#call?.send(cancelMessage(id));
  }

  #deactivate(subscription: Subscription): void {
    this.#active.delete(subscription.id);
    this.#cancel(subscription.id);
  }

  async #take(response: WatchResponse, current: WatchStreamCall): Promise<void> {
    const header = headerOf(response);
    this.#history.note(header);
    if (!this.#verified) await this.#verify(header);
    // The stream may have ended or moved on meanwhile.
    if (this.#over || this.#call !== current) return;
    if (response.created) this.#onCreated(response, header, current);
    else if (response.canceled) this.#onCanceled(response);
    else this.#onEvents(response, header, current);
  }

  async #verify(header: ResponseHeader): Promise<void> {
    await this.#history.verify(header, () => {
      const [first] = this.#members;
      // One key costs the least.
      return probe(this.#setup, { key: first?.request.key ?? new Uint8Array() }, this.#life.signal);
    });
    this.#verified = true;
  }

  #onCreated(response: WatchResponse, header: ResponseHeader, current: WatchStreamCall): void {
    const subscription = this.#creating.shift();
    const id = Number(response.watchId);
    if (response.watchId === uncommonId && !response.canceled) current.keepsOrder = true;
    if (response.canceled || response.watchId === broadcastId) {
      if (subscription !== undefined) this.#onRefused(subscription, response);
    } else if (subscription !== undefined) {
      this.#active.set(id, subscription);
      subscription.begin(id, header);
      current.progress.created(subscription, header);
      current.worked = true;
      this.#established = true;
      this.#judge.succeeded();
    } else {
      // Nobody wants it any more.
      this.#cancel(id);
    }
    this.#createWaiting();
  }

  #onCanceled(response: WatchResponse): void {
    const id = Number(response.watchId);
    this.#cancelled.delete(id);
    const subscription = this.#active.get(id);
    if (subscription === undefined) return;
    this.#active.delete(id);
    subscription.interrupt("held");
    this.#onRefused(subscription, response);
  }

  #onEvents(response: WatchResponse, header: ResponseHeader, { progress }: WatchStreamCall): void {
    if (response.watchId === broadcastId) {
      if (response.events.length > 0) return;
      progress.answered();
      for (const subscription of this.#active.values()) {
        if (progress.includes(subscription, header)) subscription.progress(header);
      }
      return;
    }
    const id = Number(response.watchId);
    const subscription = this.#active.get(id);
    if (subscription === undefined) {
      if (!this.#cancelled.has(id)) this.#cancel(id);
      return;
    }
    progress.forget(subscription);
    subscription.deliver(response);
    if (subscription.queue.full) this.#park(subscription);
  }

  /** The server will not have it: there may be a way on, or it ends. */
  #onRefused(subscription: Subscription, response: WatchResponse): void {
    subscription.interrupt("held");
    const refusal = refusalOf(response, subscription.lastSeen);
    if (refusal.code === "COMPACTED" && subscription.request.onCompacted === "resync") {
      this.#load(subscription);
    } else if (subscription.retries < tokenRetries(refusal)) {
      subscription.retries += 1;
      void this.#renewToken(subscription);
    } else {
      subscription.fail(refusal);
    }
  }

  /** Its reader is slow: the server need not send it more until there is room. The others do not notice. */
  #park(subscription: Subscription): void {
    this.#deactivate(subscription);
    subscription.interrupt("held");
    this.#parked.add(subscription);
    this.#setup.onChange();
    void subscription.queue.room().then(() => {
      if (subscription.place !== "held") return;
      this.#parked.delete(subscription);
      this.#setup.onChange();
      this.#enqueue(subscription);
    });
  }

  /** Reads what its keys are, and resumes it from there. */
  #load(subscription: Subscription): void {
    const { transport, clock, call, endpoints } = this.#setup;
    const signal = subscription.beginWork();
    const loaded = loadState({
      transport,
      clock,
      call,
      endpoints,
      backOff,
      signal,
      request: subscription.request,
      room: () => subscription.queue.room(),
      note: (header) => this.#history.note(header),
      deliver: (page) => {
        subscription.stand(page.revision);
        subscription.queue.push(page);
      },
    });
    loaded.then(
      (revision) => {
        if (signal.aborted) return;
        subscription.startAfter(revision);
        this.#enqueue(subscription);
      },
      (error: unknown) => {
        if (!signal.aborted) subscription.fail(error);
      },
    );
  }

  /**
   * The server refused the token that the call was opened with, or a watch that it may have refused for that. A call of
   * another kind with the same permission finds out which: the connection gives it a fresh token if it needs one. Then the
   * stream is opened again with that.
   */
  async #renewToken(subscription: Subscription): Promise<void> {
    const refusedBy = this.#call;
    const signal = subscription.beginWork();
    try {
      const pauses = subscription.retries - 1;
      if (pauses > 0) await sleep(this.clock, pauseMs(backOff, pauses), signal);
      await probe(this.#setup, subscription.request, signal);
    } catch (error) {
      if (!(signal.aborted || mayPass(error))) subscription.fail(error);
    }
    if (signal.aborted) return;
    if (this.#call === refusedBy) this.#reopen();
    this.#enqueue(subscription);
  }
}

function mayPass(error: unknown): error is EtcdError {
  if (!isEtcdError(error)) return false;
  const kind = kindOfFailure(error);
  return kind === "passing" || kind === "lasting";
}
