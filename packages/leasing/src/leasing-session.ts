import {
  type Clock,
  EtcdError,
  type Event,
  isDelete,
  type KeyValue,
  type KvExecutor,
  type Leases,
  type ResponseHeader,
  type Watch,
  type WatchOpener,
  watcherFrom,
} from "@etcdkit/core";
import { type OpenLease, openLease } from "@etcdkit/lease";
import { Acquisitions } from "./acquisitions.js";
import { copyHeader } from "./answer.js";
import { Departures } from "./departures.js";
import { type Bounds, Entries, type Entry } from "./entries.js";
import type { LeasingKeys } from "./leasing-keys.js";
import { OwnedState } from "./owned-state.js";
import { Pauses } from "./pauses.js";
import { Releases } from "./releases.js";
import { isRevoked } from "./revocation.js";

/** What sessions are opened on; it outlives each of them. */
export interface LeasingGround extends Bounds {
  readonly kv: KvExecutor;
  readonly leases: Leases;
  readonly watcher: WatchOpener;
  readonly keys: LeasingKeys;
  readonly clock: Clock;
  readonly ttlSeconds: number;
  /** Aborts when everything is to end. */
  readonly life: AbortSignal;
  /**
   * Ownerships that began at this revision or earlier are not to be taken up again: a write of unknown outcome that relies on
   * one of them may still be on its way.
   */
  doubtedUpTo: bigint;
}

/**
 * One lease and all that is owned under it, with one watch over all leasing keys. When the lease is lost, or the watch, then
 * everything is dropped at once; the next session begins with nothing.
 */
export class LeasingSession {
  readonly entries: Entries;
  readonly acquisitions: Acquisitions;
  readonly releases: Releases;
  readonly departures: Departures = new Departures();
  readonly pauses: Pauses;
  /** The newest header of any answer. What is owned has not changed up to there, so answers from memory bear it. */
  newest: ResponseHeader | undefined;
  readonly #ground: LeasingGround;
  readonly #lease: OpenLease;
  readonly #watch: Watch;
  readonly #ending = new AbortController();
  #closure: Promise<void> | undefined;

  private constructor(ground: LeasingGround, lease: OpenLease, watch: Watch) {
    const { kv, clock } = ground;
    this.#ground = ground;
    this.#lease = lease;
    this.#watch = watch;
    this.pauses = new Pauses(clock);
    this.releases = new Releases({ kv, clock, signal: this.#ending.signal });
    this.entries = new Entries(ground, ({ name, key, token }) => this.release(name, key, token));
    this.acquisitions = new Acquisitions(this, ground);
    void this.#follow();
    const onLoss = (): void => this.end(lease.signal.reason);
    lease.signal.addEventListener("abort", onLoss, { once: true });
    if (lease.signal.aborted) onLoss();
  }

  /** @throws (rejects) What granting the lease or opening the watch throws; the reason of `ground.life`. */
  static async open(ground: LeasingGround): Promise<LeasingSession> {
    const { leases, watcher, keys, life, ttlSeconds } = ground;
    const lease = await openLease(leases, { ttlSeconds, signal: life });
    let watch: Watch | undefined;
    try {
      // Progress keeps the place of a quiet watch from being compacted; a state tells what was missed if it was.
      watch = watcherFrom(watcher).watch(
        { prefix: keys.prefix },
        { onCompacted: "resync", progressNotify: true, signal: life },
      );
      await watch.created;
    } catch (error) {
      await Promise.allSettled([watch?.close(), lease.close()]);
      throw error;
    }
    return new LeasingSession(ground, lease, watch);
  }

  get leaseId(): bigint {
    return this.#lease.id;
  }

  /** Aborts when the session is over. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Whether what is owned is ours at this moment, by the monotonic clock: also right after the process was stopped. */
  isHeld(): boolean {
    return !this.#ending.signal.aborted && this.#lease.isHeld();
  }

  note(header: ResponseHeader): void {
    if (this.newest === undefined || header.revision > this.newest.revision) this.newest = copyHeader(header);
  }

  /** Gives up a key, whether or not it is in memory. */
  release(name: string, key: Uint8Array, token: bigint): void {
    this.releases.start(name, this.#ground.keys.of(key), token);
  }

  /** Takes an entry out of memory and gives its key up. */
  drop({ name, key, token }: Entry): void {
    this.entries.remove(name);
    this.release(name, key, token);
  }

  /** Drops everything, at once. The lease is revoked behind it; {@link LeasingSession.closed} tells when. */
  end(reason: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(reason);
    this.entries.clear();
    this.departures.end();
    this.#closure = this.#close();
  }

  /** Resolves when the session has ended and nothing of it is under way any more. */
  async closed(): Promise<void> {
    await this.#closure;
    await Promise.all([this.releases.settled(), this.acquisitions.settled()]);
  }

  async #close(): Promise<void> {
    // If the lease cannot be revoked, it expires.
    await Promise.allSettled([this.#watch.close(), this.#lease.close()]);
  }

  async #follow(): Promise<void> {
    let reason: unknown = new EtcdError("CLOSED", "the watch over the leasing keys was closed");
    const state = new OwnedState(this.#ground.keys, this.leaseId);
    try {
      for await (const batch of this.#watch) {
        if (batch.kind === "events") for (const event of batch.events) this.#onEvent(event);
        const owned = batch.kind === "state" ? state.add(batch) : undefined;
        if (owned !== undefined) this.#onState(batch.revision, owned);
      }
    } catch (error) {
      reason = error;
    }
    this.end(reason);
  }

  #onEvent(event: Event): void {
    const leasingKey = event.kv;
    const name = leasingKey && this.#ground.keys.nameIn(leasingKey.key);
    if (leasingKey === undefined || name === undefined) return;
    if (isDelete(event)) {
      this.#lost(name, leasingKey.modRevision);
      this.pauses.ownerGone(name);
      this.departures.note(name, leasingKey.modRevision);
    } else if (leasingKey.lease !== this.leaseId) {
      this.#lost(name, leasingKey.modRevision);
    } else if (isRevoked(leasingKey)) {
      this.#revoked(name, leasingKey.key, leasingKey.createRevision, leasingKey.modRevision);
    }
  }

  /** Somebody wants to write the key: nothing is served from here on, then the leasing key is deleted. */
  #revoked(name: string, leasingKey: Uint8Array, token: bigint, revision: bigint): void {
    this.#lost(name, revision);
    this.pauses.begin(name, false);
    this.releases.start(name, leasingKey, token);
  }

  /** An ownership that began before a revision is over. */
  #lost(name: string, revision: bigint): void {
    this.acquisitions.lost(name, revision);
    const entry = this.entries.get(name);
    if (entry !== undefined && entry.token < revision) this.entries.remove(name);
  }

  /** Events were compacted before they could be seen. What the leasing keys are now says what has come of ours. */
  #onState(revision: bigint, owned: ReadonlyMap<string, KeyValue>): void {
    this.acquisitions.lostAll(revision);
    for (const { name, token } of [...this.entries.all()]) {
      if (token <= revision && owned.get(name)?.createRevision !== token) this.entries.remove(name);
    }
    for (const [name, leasingKey] of owned) {
      if (isRevoked(leasingKey)) this.#revoked(name, leasingKey.key, leasingKey.createRevision, revision);
    }
    this.departures.wakeAll();
  }
}
