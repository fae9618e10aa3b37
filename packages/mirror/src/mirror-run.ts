import {
  compareBytes,
  concatBytes,
  EtcdError,
  type Event,
  isDelete,
  type Kv,
  type KvExecutor,
  kvFrom,
  op,
  systemClock,
} from "@etcdkit/core";
import { toWireRange } from "@etcdkit/core/spi";
import { BaseCopy } from "./base-copy.js";
import { Ledger } from "./ledger.js";
import {
  type MirrorBaseBatch,
  type MirrorProgressBatch,
  type MirrorSource,
  type MirrorUpdatesBatch,
  mirror,
} from "./mirror.js";
import type { MirrorToOptions } from "./mirror-to.js";
import { type Patience, persistently } from "./persistently.js";
import type { Place, Route } from "./place.js";
import type { BaseProgress, MirrorProgress, MirrorTotals, WaitingProgress } from "./progress.js";
import { bytesOf, mostWrites, portions, type Write } from "./transactions.js";

const defaultMaxTxnOps = 128;
const defaultMaxTxnBytes = 1.5 * 1024 * 1024;

type Progress<T extends MirrorProgress = MirrorProgress> = AsyncGenerator<T, void, undefined>;

/** One run of a mirror, from taking over the checkpoint to its end. */
export class MirrorRun {
  readonly #source: MirrorSource;
  readonly #kv: Kv;
  readonly #route: Route;
  readonly #checkpointKey: Uint8Array;
  readonly #options: MirrorToOptions;
  readonly #patience: Patience;
  readonly #maxTxnOps: number;
  readonly #ledger: Ledger;
  /** Where the destination is. */
  #place: Place = { phase: "base" };
  #reason: BaseProgress["reason"] = "first";
  #copy: BaseCopy | undefined;
  #copied = 0;
  #sourceRevision = 0n;
  #totals: MirrorTotals = { puts: 0, deletes: 0, bytes: 0, transactions: 0 };

  constructor(
    source: MirrorSource,
    destination: KvExecutor,
    route: Route,
    checkpointKey: Uint8Array,
    options: MirrorToOptions,
  ) {
    const { signal, clock = systemClock, maxTxnOps = defaultMaxTxnOps } = options;
    this.#source = source;
    this.#kv = kvFrom(destination);
    this.#route = route;
    this.#checkpointKey = checkpointKey;
    this.#options = { ...options };
    this.#patience = { signal, clock };
    this.#maxTxnOps = maxTxnOps;
    this.#ledger = new Ledger({ ...this.#patience, kv: this.#kv, key: checkpointKey, route, maxTxnOps });
  }

  async *start(): Progress {
    const { onCompacted, signal, clock } = this.#options;
    const { prefix } = this.#route;
    const { place, isNew } = yield* this.#ledger.open(() => this.#begin());
    this.#place = place;
    if (place.phase === "base") this.#reason = isNew ? "first" : "interrupted";
    else this.#reason = "compacted";
    const from = place.phase === "updates" ? place.checkpoint : undefined;
    if (from !== undefined) yield { kind: "resumed", revision: from.revision };
    for await (const batch of mirror(this.#source, { prefix, from, onCompacted, signal, clock })) {
      // Both, since etcd's gRPC proxy makes headers up.
      for (const { revision } of [batch.header, batch]) {
        if (revision > this.#sourceRevision) this.#sourceRevision = revision;
      }
      if (batch.kind === "base") yield* this.#takeBase(batch);
      else yield* this.#takeUpdates(batch);
    }
  }

  /** Where a mirror begins that has never run. */
  async *#begin(): AsyncGenerator<WaitingProgress, Place, undefined> {
    const { startRevision, deleteExtra } = this.#options;
    // With a start revision, too: should a base follow later, it deletes.
    if (deleteExtra === undefined) yield* this.#expectEmpty();
    if (startRevision === undefined) return { phase: "base" };
    return { phase: "updates", checkpoint: { revision: startRevision - 1n } };
  }

  async *#expectEmpty(): Progress<WaitingProgress> {
    const { signal } = this.#patience;
    const range = { prefix: this.#route.destinationPrefix };
    const found = yield* persistently(this.#patience, () =>
      this.#kv.range(range, { limit: 1, keysOnly: true, signal }),
    );
    if (found.kvs.length === 0) return;
    throw new EtcdError(
      "FAILED_PRECONDITION",
      "the destination has keys under its prefix already: say by deleteExtra whether those that the source does not have are to be deleted",
      { outcome: "not-applied" },
    );
  }

  async *#takeBase(batch: MirrorBaseBatch): Progress {
    if (batch.first) {
      if (this.#place.phase !== "base") yield* this.#move([], { phase: "base" });
      this.#copied = 0;
      this.#copy = undefined;
    }
    this.#copy ??= this.#newCopy();
    const page = batch.kvs.map((pair) => ({ ...pair, key: this.#keyOf(pair.key) }));
    // Flat and not nested: a base is not atomic anyway, and small transactions hold up nobody else.
    yield* this.#copy.take(page, batch.last, (writes) =>
      this.#apply(writes, this.#maxTxnOps - 1, () => ({ phase: "base" })),
    );
    this.#copied += batch.kvs.length;
    if (batch.checkpoint !== undefined)
      yield* this.#move([], { phase: "updates", checkpoint: batch.checkpoint });
    yield {
      kind: "base",
      reason: this.#reason,
      revision: batch.revision,
      keys: this.#copied,
      done: batch.last,
      totals: this.#totals,
    };
    if (batch.last) this.#reason = "compacted";
  }

  async *#takeUpdates(batch: MirrorUpdatesBatch | MirrorProgressBatch): Progress {
    const { revision, checkpoint } = batch;
    const { part, checkpoint: before } = this.#place.phase === "updates" ? this.#place : { checkpoint };
    // A member that lags behind may announce less than is here in part: the rest of that comes next.
    if (batch.kind === "progress" && part !== undefined) return;
    const events = batch.kind === "updates" ? batch.events : [];
    const writes = events.flatMap((event) => this.#writeOf(event));
    // Nothing but what would overwrite the checkpoint. To note that, where both sides are one store, would never end.
    if (events.length > 0 && writes.length === 0) return;
    const begun = part?.revision === revision ? part.writes : 0;
    const placeAfter = (count: number): Place =>
      begun + count === writes.length
        ? { phase: "updates", checkpoint }
        : { phase: "updates", checkpoint: before, part: { revision, writes: begun + count } };
    const rest = writes.slice(begun);
    if (rest.length === 0) yield* this.#move([], placeAfter(0));
    yield* this.#apply(rest, mostWrites(this.#maxTxnOps), placeAfter);
    yield {
      kind: "updates",
      revision,
      sourceRevision: this.#sourceRevision,
      lag: Number(this.#sourceRevision - revision),
      totals: this.#totals,
    };
  }

  /**
   * Does writes in as few transactions as their number and size allow.
   *
   * @param placeAfter - Where the mirror is when so many of them are done.
   */
  async *#apply(
    writes: readonly Write[],
    most: number,
    placeAfter: (count: number) => Place,
  ): Progress<WaitingProgress> {
    const { maxTxnBytes = defaultMaxTxnBytes } = this.#options;
    const places = [placeAfter(0), placeAfter(writes.length)];
    const besides = Math.max(...places.map((place) => this.#ledger.costOf(place)));
    let count = 0;
    for (const portion of portions(writes, most, maxTxnBytes - besides)) {
      count += portion.length;
      yield* this.#move(portion, placeAfter(count));
    }
  }

  /** Does some writes, and is in another place thereafter. */
  async *#move(writes: readonly Write[], place: Place): Progress<WaitingProgress> {
    yield* this.#ledger.commit(writes, place);
    this.#place = place;
    const { puts, deletes, bytes, transactions } = this.#totals;
    const added = writes.filter(({ type }) => type === "put").length;
    this.#totals = {
      puts: puts + added,
      deletes: deletes + writes.length - added,
      bytes: writes.reduce((sum, write) => sum + bytesOf(write), bytes),
      transactions: writes.length === 0 ? transactions : transactions + 1,
    };
  }

  #writeOf(event: Event): Write[] {
    const { kv } = event;
    if (kv === undefined) return [];
    const key = this.#keyOf(kv.key);
    if (!this.#isMirrored(key)) return [];
    return [isDelete(event) ? op.delete(key) : op.put(key, kv.value)];
  }

  /** The key of the destination that a key of the source is mirrored to. */
  #keyOf(key: Uint8Array): Uint8Array {
    return concatBytes(this.#route.destinationPrefix, key.subarray(this.#route.prefix.length));
  }

  #isMirrored(key: Uint8Array): boolean {
    return compareBytes(key, this.#checkpointKey) !== 0;
  }

  #newCopy(): BaseCopy {
    return new BaseCopy({
      ...this.#patience,
      kv: this.#kv,
      range: toWireRange({ prefix: this.#route.destinationPrefix }),
      isMirrored: (key) => this.#isMirrored(key),
      deletes: this.#options.deleteExtra ?? true,
    });
  }
}
