import { compareBytes, EtcdError, type KeyValue, op } from "@etcdkit/core";
import type { QueueName } from "./queue-name.js";
import type { Session } from "./session.js";
import { SessionKey } from "./session-key.js";
import type { Turn } from "./turns.js";
import { type Predecessor, waitForEach } from "./wait-for-predecessors.js";

/** How a place in the queue was found. */
export interface Entry {
  /** Whether nobody is before it. */
  readonly first: boolean;
  /** The own key, when it was there before: from a lost answer, or from a program that had the lease before. */
  readonly found: KeyValue | undefined;
}

// Most locks are held for less, and need no watch to tell that their key was deleted by somebody else.
const watchHeldAfterMs = 100;
// In a queue that moves, whoever waits looks at the own key as often as somebody before it leaves.
const watchWaitingAfterMs = 750;

/**
 * A session's place in the queue for a name. A session has at most one at a time, by the turn that the place was given and
 * ends with.
 */
export class QueuePlace extends SessionKey {
  protected override readonly called = "the session's key in the queue";
  readonly #prefix: Uint8Array;
  readonly #turn: Turn;

  constructor(session: Session, { prefix, key }: QueueName, turn: Turn) {
    super(session, key);
    this.#prefix = prefix;
    this.#turn = turn;
  }

  /**
   * Enters the queue, or finds the place that is there.
   *
   * @param onlyIfFree - Do not queue behind others.
   */
  async enter(value: Uint8Array, onlyIfFree = false): Promise<Entry> {
    const queue = { prefix: this.#prefix };
    const { owned, found, reads } = await this.create(value, {
      unless: onlyIfFree ? queue : undefined,
      reads: [op.range(queue, { first: "created", keysOnly: true })],
    });
    if (!owned && found !== undefined) {
      throw new EtcdError("NOT_HOLDER", `${this.called} is tied to another lease, or to none`);
    }
    const first = owned && reads[0]?.kvs[0]?.createRevision === this.createRevision;
    if (owned) this.watchIn(first ? watchHeldAfterMs : watchWaitingAfterMs);
    return { first, found };
  }

  /**
   * Takes over the place that was entered before with the same lease. Says whether it is there, and the first. Until then it
   * is not this one's to give up.
   */
  async resume(createRevision: bigint, signal: AbortSignal): Promise<boolean> {
    const { kv, leaseId } = this.session;
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    // With its value, for without it etcd 3.7 leaves out the lease too.
    const { kvs } = await kv.range({ prefix: this.#prefix }, { first: "created", ...call });
    const [first] = kvs;
    if (first?.createRevision !== createRevision || first.lease !== leaseId) return false;
    if (compareBytes(first.key, this.key) !== 0) return false;
    await this.confirm(signal);
    this.adopt(createRevision);
    this.watchIn(watchHeldAfterMs);
    return true;
  }

  /** Waits until it is the first, and makes sure that it still exists. */
  async reachFront(signal: AbortSignal): Promise<void> {
    await waitForEach(this.session.watcher, signal, () => this.#lookAhead(signal));
    this.signal.throwIfAborted();
    this.watchIn(watchHeldAfterMs);
  }

  /** Who is the next before it, and whether it is still there itself: in one request, since many wait for that. */
  async #lookAhead(signal: AbortSignal): Promise<Predecessor> {
    const before = { last: "created", maxCreateRevision: this.createRevision - 1n, keysOnly: true } as const;
    const { header, responses } = await this.session.kv.txn(
      { success: [op.range({ prefix: this.#prefix }, before), op.range(this.key, { keysOnly: true })] },
      { idempotent: true, signal, timeoutMs: Number.POSITIVE_INFINITY },
    );
    const [ahead, own] = responses;
    await this.see(own?.kvs[0]);
    return { key: ahead?.kvs[0]?.key, revision: header.revision };
  }

  /** Its holder may have nothing left to do with it, and others of the session wait. */
  protected override onLost(): void {
    this.abandon();
  }

  protected override onGone(): void {
    this.#turn.end();
  }
}
