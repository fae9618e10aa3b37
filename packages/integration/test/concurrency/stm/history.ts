import { type Isolation, type StmTransaction, stm } from "@etcdkit/concurrency";
import { isEtcdError, type KvExecutor, outcomeOf, utf8 } from "@etcdkit/core";

/** What a transaction read of a key before it wrote it. */
export interface Read {
  /** `undefined`: there was no such key. */
  readonly value: string | undefined;
  readonly modRevision: bigint;
}

/** What one attempt at a transaction did. */
export interface Deeds {
  readonly reads: ReadonlyMap<string, Read>;
  readonly writes: ReadonlyMap<string, string>;
}

/** A transaction as whoever ran it saw it. */
export interface Execution {
  /** When it was begun and when it was answered, as numbers of one order; `Infinity`: never. */
  readonly begin: number;
  readonly end: number;
  readonly outcome: "committed" | "unknown" | "aborted";
  /** Of the answer to the commit. */
  readonly revision: bigint | undefined;
  /** What the last attempt did, and those that conflicts put an end to. */
  readonly last: Deeds;
  readonly abandoned: readonly Deeds[];
}

/** What a workload does with an attempt. */
export interface Attempt {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): void;
}

/** Runs transactions and writes down what they did. */
export class History {
  readonly #executions: Execution[] = [];
  #moment = 0;

  get executions(): readonly Execution[] {
    return this.#executions;
  }

  /** How many attempts came to nothing, because of others. */
  get conflicts(): number {
    return this.#executions.reduce((sum, { abandoned }) => sum + abandoned.length, 0);
  }

  count(outcome: Execution["outcome"]): number {
    return this.#executions.filter((one) => one.outcome === outcome).length;
  }

  /** Runs a transaction. That it fails because a link breaks is nothing to throw. */
  async run(kv: KvExecutor, isolation: Isolation, apply: (attempt: Attempt) => Promise<void>): Promise<void> {
    const attempts: Deeds[] = [];
    const begin = this.#moment++;
    const end = (outcome: Execution["outcome"], revision?: bigint): void => {
      const [last = { reads: new Map(), writes: new Map() }, ...abandoned] = attempts.reverse();
      const at = outcome === "unknown" ? Number.POSITIVE_INFINITY : this.#moment++;
      this.#executions.push({ begin, end: at, outcome, revision, last, abandoned });
    };
    try {
      const { header } = await stm(
        kv,
        async (tx) => {
          const attempt = new RecordedAttempt(tx);
          attempts.push(attempt);
          await apply(attempt);
        },
        { isolation },
      );
      end("committed", header.revision);
    } catch (error) {
      if (!isEtcdError(error)) throw error;
      end(outcomeOf(error) === "unknown" ? "unknown" : "aborted");
    }
  }
}

class RecordedAttempt implements Attempt, Deeds {
  readonly reads = new Map<string, Read>();
  readonly writes = new Map<string, string>();
  readonly #tx: StmTransaction;

  constructor(tx: StmTransaction) {
    this.#tx = tx;
  }

  async get(key: string): Promise<string | undefined> {
    const bytes = await this.#tx.get(key);
    const value = bytes && utf8(bytes);
    // What it wrote itself is not in the store yet.
    if (!this.writes.has(key)) this.reads.set(key, { value, modRevision: await this.#tx.modRevision(key) });
    return value;
  }

  put(key: string, value: string): void {
    this.#tx.put(key, value);
    this.writes.set(key, value);
  }
}
