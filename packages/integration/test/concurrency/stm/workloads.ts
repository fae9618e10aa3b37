import type { Isolation } from "@etcdkit/concurrency";
import { type Kv, op } from "@etcdkit/core";
import type { Attempt, Deeds, History } from "./history.js";
import type { ListTransaction } from "./lists.js";

/** Transactions of many at the same time. */
export interface Load {
  readonly kvs: readonly Kv[];
  readonly isolation: Isolation;
  readonly workers: number;
  /** Asked before each transaction, with how many were begun: whether that is enough. */
  readonly isEnough: (begun: number) => boolean;
  /** Called with the number of each transaction before it is begun. */
  readonly onBegin?: ((n: number) => void) | undefined;
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}

async function runAll(
  { kvs, isolation, workers, isEnough, onBegin }: Load,
  history: History,
  next: () => (attempt: Attempt) => Promise<void>,
): Promise<void> {
  let begun = 0;
  const work = async (worker: number): Promise<void> => {
    const kv = kvs[worker % kvs.length];
    if (kv === undefined) throw new Error("a load needs a Kv");
    while (!isEnough(begun)) {
      begun += 1;
      onBegin?.(begun);
      await history.run(kv, isolation, next());
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
}

/** Accounts that hold money, of which transfers neither make nor lose any. */
export class Bank {
  readonly accounts: readonly string[];
  /** How much there is, in all. */
  readonly sum: number;
  /** How often an audit, also one that was not committed in the end, saw another sum. */
  wrongAudits = 0;

  constructor(prefix: string, size: number) {
    this.accounts = Array.from({ length: size }, (_, i) => `${prefix}${i}`);
    this.sum = 100 * size;
  }

  /** Opens the accounts. Resolves with the revision of that. */
  async open(kv: Kv): Promise<bigint> {
    const { header } = await kv.txn({ success: this.accounts.map((account) => op.put(account, "100")) });
    return header.revision;
  }

  /** Transfers, and now and then an audit. */
  async run(load: Load, history: History): Promise<void> {
    await runAll(load, history, () => (below(10) === 0 ? this.#audit : this.#transfer()));
  }

  readonly #audit = async (attempt: Attempt): Promise<void> => {
    let sum = 0;
    for (const account of this.accounts) sum += await balance(attempt, account);
    if (sum !== this.sum) this.wrongAudits += 1;
  };

  #transfer(): (attempt: Attempt) => Promise<void> {
    const from = below(this.accounts.length);
    const to = (from + 1 + below(this.accounts.length - 1)) % this.accounts.length;
    const [source = "", target = ""] = [this.accounts[from], this.accounts[to]];
    return async (attempt) => {
      const [has, had] = await Promise.all([balance(attempt, source), balance(attempt, target)]);
      const amount = below(has + 1);
      attempt.put(source, `${has - amount}`);
      attempt.put(target, `${had + amount}`);
    };
  }
}

/** What an account holds. A member that lags behind may not know yet that it was opened. */
async function balance(attempt: Attempt, account: string): Promise<number> {
  return Number((await attempt.get(account)) ?? 100);
}

/** Few lists that are read and appended to, up to four times in a transaction; full ones make room for new ones. */
export class Lists {
  readonly #prefix: string;
  readonly #appended = [0, 0, 0];
  #element = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  async run(load: Load, history: History): Promise<void> {
    await runAll(load, history, () => {
      const steps = Array.from({ length: 1 + below(4) }, () => ({
        key: this.#key(below(this.#appended.length)),
        appends: below(2) === 0,
      }));
      return async (attempt) => {
        for (const { key, appends } of steps) {
          const list = await attempt.get(key);
          // A new element in each attempt: one of an attempt that came to nothing must not be seen.
          if (appends)
            attempt.put(key, list === undefined ? `${++this.#element}` : `${list},${++this.#element}`);
        }
      };
    });
  }

  #key(index: number): string {
    const count = this.#appended[index] ?? 0;
    this.#appended[index] = count + 1;
    return `${this.#prefix}${index}-${Math.floor(count / 100)}`;
  }
}

/** What a list holds. */
export function elementsOf(list: string | undefined): readonly number[] {
  return list === undefined ? [] : list.split(",").map(Number);
}

/** A history of lists, as its judge takes it: each attempt that came to nothing is an aborted transaction. */
export function asLists({ executions }: History): readonly ListTransaction[] {
  return executions.flatMap(({ begin, end, outcome, last, abandoned }) => [
    { begin, end, outcome, ...listsOf(last) },
    ...abandoned.map((deeds) => ({ begin, end, outcome: "aborted" as const, ...listsOf(deeds) })),
  ]);
}

function listsOf({ reads, writes }: Deeds): Pick<ListTransaction, "reads" | "appends"> {
  const before = new Map([...reads].map(([key, { value }]) => [key, elementsOf(value)]));
  const appends = new Map(
    [...writes].map(([key, list]) => [key, elementsOf(list).slice(before.get(key)?.length ?? 0)]),
  );
  return { reads: before, appends };
}
