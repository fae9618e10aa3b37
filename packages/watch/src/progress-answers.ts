import type { ResponseHeader } from "@etcdkit/core";
import type { Subscription } from "./subscription.js";

interface Doubt {
  /** How many answers to come may be older than the watch. */
  answers: number;
  /** The revision of the store when the watch was created. */
  createdAt: bigint;
}

/**
 * Tells which watches of a call an answer to a request for progress speaks of. A server keeps such answers in line with
 * events, and sends that a watch is created past that line: so an answer from before a watch may come after its creation, at
 * a time when the history that the watch asked for is still to come.
 *
 * The server may also drop a request, so that an answer does not tell which one it answers. What is certain: an answer that
 * is newer than the creation, that follows events of the watch, or that comes after as many as were open when the watch was
 * asked for.
 */
export class ProgressAnswers {
  #unanswered = 0;
  readonly #doubts = new Map<Subscription, Doubt>();

  /** A request for progress was sent. */
  asked(): void {
    this.#unanswered += 1;
  }

  /** A watch was asked for. */
  creating(subscription: Subscription): void {
    if (this.#unanswered > 0) this.#doubts.set(subscription, { answers: this.#unanswered, createdAt: 0n });
  }

  /** It was created, and knows where it begins. */
  created(subscription: Subscription, { revision }: ResponseHeader): void {
    const doubt = this.#doubts.get(subscription);
    if (doubt === undefined) return;
    if (subscription.nextRevision > revision) this.#doubts.delete(subscription);
    else doubt.createdAt = revision;
  }

  /** It has got something of its own, or is no longer on the call. */
  forget(subscription: Subscription): void {
    this.#doubts.delete(subscription);
  }

  /** An answer came. */
  answered(): void {
    this.#unanswered = Math.max(this.#unanswered - 1, 0);
  }

  /** Whether an answer with this header speaks of a watch, too. To be asked once per answer. */
  includes(subscription: Subscription, { revision }: ResponseHeader): boolean {
    const doubt = this.#doubts.get(subscription);
    if (doubt === undefined) return true;
    doubt.answers -= 1;
    const includes = revision > doubt.createdAt;
    if (includes || doubt.answers === 0) this.#doubts.delete(subscription);
    return includes;
  }
}
