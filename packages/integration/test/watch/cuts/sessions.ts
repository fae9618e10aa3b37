import { type Kv, op, type Watch, type Watcher, type WatchOptions } from "@etcdkit/core";
import { Observer } from "../observer.js";
import type { Delivery } from "./verdict.js";

/** Where a session takes place. */
export interface Ground {
  /** Straight to the server. */
  readonly kv: Kv;
  /** Over the link that is cut. */
  readonly watcher: Watcher;
  /** Keys begin with it and a slash. */
  readonly name: string;
}

/** What a session came to. */
export interface Outcome {
  readonly deliveries: readonly Delivery[];
  /** The revision of the last write. */
  readonly revision: bigint;
  /** What watches ended with that were not to end, or what they were still waiting for. */
  readonly complaints: readonly string[];
}

/** Watches of one stream, and the writes that they see. The same in every run, but for revisions. */
export type Session = (ground: Ground) => Promise<Outcome>;

// What is not there by then is lost.
const patienceMs = 15_000;

/** A session of few bytes, with every kind of watch. Writes go on while the watches are created, and after that. */
export const shortSession: Session = async ({ kv, watcher, name }) => {
  const [a, b, c] = [`${name}/a`, `${name}/b`, `${name}/c`] as const;
  const { header } = await kv.put(a, "1");
  await kv.txn({ success: [op.put(b, "1"), op.put(c, "1")] });

  const watches = new Watches(watcher);
  const everything = { prefix: `${name}/` };
  watches.open("one key from now on", a);
  watches.open("keys from a revision on", everything, { startRevision: header.revision });
  watches.open("keys from now on, with what was before", everything, { prevKv: true });
  watches.open("keys from a revision on, in parts", everything, {
    startRevision: header.revision + 1n,
    fragment: true,
  });
  watches.open("keys as they are, and from then on", everything, { initial: true });

  await kv.put(b, "2");
  await kv.delete(c);
  await watches.created();
  await kv.txn({ success: [op.put(a, "2"), op.delete(b), op.put(c, "2")] });
  await kv.delete(a);
  const last = await kv.txn({ success: [a, b, c].map((key) => op.put(key, "3")) });
  await watches.reached(last.header.revision);
  // What is repeated at the very end comes before what follows it.
  const mark = await kv.txn({ success: [op.put(a, "4"), op.delete(b)] });
  await watches.reached(mark.header.revision);
  return watches.outcome(mark.header.revision);
};

/** The server's limit of a request for {@link largeSession}, which decides how large the parts of an answer are. */
export const largeSessionArguments: readonly string[] = ["--max-request-bytes=65536"];

/**
 * A session of large revisions. What a watch catches up on comes in one answer, of more than half a mebibyte here, or in
 * parts that end in the middle of a revision.
 */
export const largeSession: Session = async ({ kv, watcher, name }) => {
  const keys = Array.from({ length: 8 }, (_, i) => `${name}/${i}`);
  const write = async (round: number): Promise<bigint> => {
    const success = keys.map((key) => op.put(key, `${round}`.repeat(7_000)));
    return (await kv.txn({ success })).header.revision;
  };
  const first = await write(0);
  for (let round = 1; round < 6; round++) await write(round);

  const watches = new Watches(watcher);
  const everything = { prefix: `${name}/` };
  const catchUp = { startRevision: first, prevKv: true };
  watches.open("in parts", everything, { ...catchUp, fragment: true });
  watches.open("in one answer", everything, { ...catchUp, fragment: false });
  await watches.created();
  const revision = await write(6);
  await watches.reached(revision);
  return watches.outcome(revision);
};

class Watches {
  readonly #watcher: Watcher;
  readonly #all: {
    readonly title: string;
    readonly key: string | undefined;
    readonly options: WatchOptions;
    readonly watch: Watch;
    readonly observer: Observer;
  }[] = [];
  readonly #complaints: string[] = [];

  constructor(watcher: Watcher) {
    this.#watcher = watcher;
  }

  open(title: string, keys: string | { readonly prefix: string }, options: WatchOptions = {}): void {
    const watch = this.#watcher.watch(keys, options);
    const key = typeof keys === "string" ? keys : undefined;
    this.#all.push({ title, key, options, watch, observer: new Observer(watch) });
  }

  async created(): Promise<void> {
    for (const { title, watch } of this.#all) await this.#note(title, watch.created);
  }

  async reached(revision: bigint): Promise<void> {
    await Promise.all(
      this.#all.map(({ title, observer }) => this.#note(title, observer.reached(revision, patienceMs))),
    );
  }

  async outcome(revision: bigint): Promise<Outcome> {
    const deliveries = await Promise.all(
      this.#all.map(async ({ title, key, options, watch, observer }) => {
        const { startRevision, initial = false, prevKv = false } = options;
        const now = await watch.created.catch(() => ({ revision: 0n }));
        const after = initial ? undefined : startRevision === undefined ? now.revision : startRevision - 1n;
        return { title, key, after, prevKv, batches: observer.batches };
      }),
    );
    return { deliveries, revision, complaints: this.#complaints };
  }

  async #note(title: string, step: Promise<unknown>): Promise<void> {
    await step.catch((error: unknown) => {
      const { message, cause } = error instanceof Error ? error : new Error(String(error));
      this.#complaints.push(`${title}: ${message}${cause === undefined ? "" : ` (${cause})`}`);
    });
  }
}
