import { type Clock, callContext } from "@etcdkit/core";
import { Lease, type LeaseKeepAliveResponse } from "@etcdkit/core/protocol";
import { sleep } from "@etcdkit/core/spi";
import type { Members } from "./members.js";

/** Who gets what a stream brings. */
export interface StreamOwner {
  /** @param sentAt - When the renewal that is answered was sent. */
  answered(stream: RenewalStream, answer: LeaseKeepAliveResponse, sentAt: number): void;
  /** The stream is over, and not by {@link RenewalStream.close}. `error`: why; `undefined`: the server ended it. */
  ended(stream: RenewalStream, error: unknown): void;
}

/** Where and when a stream is opened. */
export interface StreamPlan {
  readonly members: Members;
  readonly clock: Clock;
  /** The member that it should not go to. */
  readonly avoid: string | undefined;
  readonly pauseMs: number;
}

/**
 * One stream of renewals to one member, for all leases. The server works them off in order and answers each; the first
 * that it cannot carry out ends the stream.
 */
export class RenewalStream {
  /** The member's endpoint, once it is chosen, where it is known at all. */
  url: string | undefined;
  /** Whether there is no member to send anything to yet. */
  opening = true;
  /** When it was made or the last answer came. */
  heardAt: number;
  readonly #owner: StreamOwner;
  readonly #plan: StreamPlan;
  readonly #closing = new AbortController();
  /** Leases whose renewal was not sent yet, in order. */
  readonly #queue = new Set<bigint>();
  /** Where the queue was read last: a new iterator would search through all that was deleted before. */
  #cursor: IterableIterator<bigint> = [].values();
  /** Leases whose renewal was sent, in order, with the time. */
  readonly #sent = new Map<bigint, number>();
  #wake: (() => void) | undefined;

  constructor(owner: StreamOwner, plan: StreamPlan) {
    this.#owner = owner;
    this.#plan = plan;
    this.heardAt = plan.clock.now();
    void this.#run();
  }

  /** Whether every renewal was answered. */
  get idle(): boolean {
    return this.#queue.size === 0 && this.#sent.size === 0;
  }

  /** The leases without an answer, in the order in which the server looks at them. */
  get unanswered(): readonly bigint[] {
    return [...this.#sent.keys(), ...this.#queue];
  }

  /** The lease that the server was at. */
  get head(): bigint | undefined {
    return this.#sent.keys().next().value;
  }

  /**
   * Asks for a renewal. One that is under way already is not repeated: its answer counts from when it was sent, and two
   * answers to one id could not be told apart.
   */
  ask(id: bigint): void {
    if (this.#sent.has(id)) return;
    this.#queue.add(id);
    this.#wake?.();
  }

  /** A renewal that was not sent yet is not wanted any more. */
  forget(id: bigint): void {
    this.#queue.delete(id);
  }

  /** Ends the stream; its owner hears no more of it. */
  close(): void {
    this.#closing.abort();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { members, clock, avoid, pauseMs } = this.#plan;
    const { signal } = this.#closing;
    let failure: unknown;
    try {
      if (pauseMs > 0) await sleep(clock, pauseMs, signal);
      const { url, transport } = await members.choose(avoid, signal);
      this.url = url;
      this.opening = false;
      const context = callContext({ requireLeader: true });
      const requests = { [Symbol.asyncIterator]: () => this.#requests() };
      const { leaseKeepAlive } = Lease.method;
      const answers = await transport.stream(leaseKeepAlive, signal, undefined, undefined, requests, context);
      for await (const answer of answers.message) {
        if (signal.aborted) return;
        this.heardAt = clock.now();
        const sentAt = this.#sent.get(answer.ID);
        if (sentAt === undefined) continue;
        this.#sent.delete(answer.ID);
        this.#owner.answered(this, answer, sentAt);
      }
    } catch (error) {
      failure = error;
    }
    if (signal.aborted) return;
    this.#closing.abort();
    this.#wake?.();
    this.#owner.ended(this, failure);
  }

  #requests(): AsyncIterator<{ ID: bigint }, undefined> {
    const { signal } = this.#closing;
    return {
      next: async () => {
        while (!signal.aborted) {
          const next = this.#nextInQueue();
          if (next.done !== true) {
            this.#queue.delete(next.value);
            // Noted before it leaves: the server may count from no earlier than this.
            this.#sent.set(next.value, this.#plan.clock.now());
            return { done: false, value: { ID: next.value } };
          }
          await new Promise<void>((wake) => {
            this.#wake = wake;
          });
        }
        return { done: true, value: undefined };
      },
    };
  }

  #nextInQueue(): IteratorResult<bigint> {
    const next = this.#cursor.next();
    if (next.done !== true || this.#queue.size === 0) return next;
    this.#cursor = this.#queue.values();
    return this.#cursor.next();
  }
}
