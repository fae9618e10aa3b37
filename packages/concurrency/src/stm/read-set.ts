import {
  type CallOptions,
  type Compare,
  compare,
  isEtcdError,
  type KeyValue,
  type KvExecutor,
  op,
} from "@etcdkit/core";
import type { IsolationRules } from "./isolation.js";
import { KeyMap } from "./key-map.js";
import { type Snapshot, snapshotOf } from "./snapshot.js";

/** How reads are sent. */
export interface ReadSetup {
  readonly kv: KvExecutor;
  readonly call: CallOptions;
  readonly rules: IsolationRules;
}

/** Which revision is read, and whether a member may answer by itself. */
interface ReadOptions {
  readonly revision?: bigint;
  readonly serializable?: boolean;
}

interface Batch {
  readonly keys: Uint8Array[];
  readonly answer: Promise<Snapshot>;
}

/**
 * What one attempt at a transaction has read. Each key is asked for once, keys that are asked for in one turn in one request;
 * where all reads are to be of one revision, the first request decides which.
 */
export class ReadSet {
  readonly #setup: ReadSetup;
  readonly #asked = new KeyMap<Promise<KeyValue | undefined>>();
  readonly #read = new KeyMap<KeyValue | undefined>();
  /** What is there without asking. */
  #known: Snapshot | undefined;
  #hasBegun = false;
  /** What was read first, where that decides the revision of all reads. */
  #first: Promise<Snapshot> | undefined;
  /** Asked for in this turn, and still to be sent. */
  #batch: Batch | undefined;
  #revision: bigint | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param known - What the conflict that ended the attempt before brought along. */
  constructor(setup: ReadSetup, known: Snapshot | undefined) {
    this.#setup = setup;
    this.#known = known;
  }

  /** The revision of the first read; `undefined` where nothing was read, or reads are of any revision. */
  get revision(): bigint | undefined {
    return this.#revision;
  }

  /** The first read that failed. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  get keys(): readonly Uint8Array[] {
    return [...this.#read].map(({ key }) => key);
  }

  has(key: Uint8Array): boolean {
    return this.#read.has(key);
  }

  /** Has keys at hand before they are asked for. They count as read only when they are. */
  async prefetch(keys: readonly Uint8Array[]): Promise<void> {
    if (keys.length === 0) return;
    if (!keys.every((key) => this.#known?.pairs.has(key))) {
      this.#known = await this.#ask(keys, this.#setup.rules.oneRevision ? {} : { serializable: true });
    }
    this.#hasBegun = true;
    this.#pin(this.#known);
  }

  /** Reads a key, or says once more what was read of it. */
  get(key: Uint8Array): Promise<KeyValue | undefined> {
    const asked = this.#asked.get(key)?.value;
    if (asked !== undefined) return asked;
    const reading = this.#look(key).then((pair) => {
      this.#read.set(key, pair);
      return pair;
    });
    // Told to whoever waits for it, and by `failure`. That nobody waits is no reason to end the process.
    reading.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#asked.set(key, reading);
    return reading;
  }

  /** Conditions that hold as long as every key is what was read of it. */
  unchanged(): readonly Compare[] {
    return [...this.#read].map(({ key, value }) => compare.modRevision(key).equals(value?.modRevision ?? 0n));
  }

  async #look(key: Uint8Array): Promise<KeyValue | undefined> {
    const known = this.#known?.pairs.get(key);
    // What is read first is read now. What a conflict brought along is older, and must not be mixed with it.
    if (known === undefined && !this.#hasBegun) this.#known = undefined;
    this.#hasBegun = true;
    if (known === undefined) return await this.#enqueue(key);
    this.#pin(this.#known);
    return known.value;
  }

  /** Makes what is at hand the first read. */
  #pin(first: Snapshot | undefined): void {
    if (first === undefined || this.#first !== undefined || !this.#setup.rules.oneRevision) return;
    this.#first = Promise.resolve(first);
    this.#revision = first.revision;
  }

  async #enqueue(key: Uint8Array): Promise<KeyValue | undefined> {
    this.#batch ??= this.#newBatch();
    const { keys, answer } = this.#batch;
    keys.push(key);
    return (await answer).pairs.get(key)?.value;
  }

  #newBatch(): Batch {
    const keys: Uint8Array[] = [];
    const answer = Promise.resolve().then(() => {
      this.#batch = undefined;
      return this.#fetch(keys);
    });
    return { keys, answer };
  }

  async #fetch(keys: readonly Uint8Array[]): Promise<Snapshot> {
    if (!this.#setup.rules.oneRevision) return await this.#ask(keys, { serializable: true });
    if (this.#first !== undefined) return await this.#askAt(keys, (await this.#first).revision);
    this.#first = this.#ask(keys, {});
    const first = await this.#first;
    this.#revision = first.revision;
    return first;
  }

  /** What happened at a revision cannot change any more, so that any member may tell. */
  async #askAt(keys: readonly Uint8Array[], revision: bigint): Promise<Snapshot> {
    try {
      return await this.#ask(keys, { revision, serializable: true });
    } catch (error) {
      // That member has not come so far yet. It waits until it has when it must not answer by itself.
      if (!isEtcdError(error, "FUTURE_REV")) throw error;
      return await this.#ask(keys, { revision });
    }
  }

  async #ask(keys: readonly Uint8Array[], options: ReadOptions): Promise<Snapshot> {
    const { kv, call } = this.#setup;
    const reads = keys.map((key) => op.range(key, options));
    const [only] = reads;
    if (only !== undefined && reads.length === 1) {
      const answer = await kv.execute(only, call);
      return snapshotOf(answer.header.revision, keys, [answer]);
    }
    const { header, responses } = await kv.execute(op.txn({ success: reads }), call);
    return snapshotOf(header.revision, keys, responses);
  }
}
