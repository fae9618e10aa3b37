import { createClient } from "@connectrpc/connect";
import type { Event } from "@etcdkit/core";
import { Watch } from "@etcdkit/core/protocol";
import type { EtcdCluster } from "@etcdkit/testing";
import type { Journal } from "../journal.js";

const everyKey = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };

/**
 * The journal of a whole store, read while it is written: one plain watch from revision 1, past the client and past every
 * proxy. What is of one session is handed out once and forgotten, so that thousands of sessions fit.
 */
export class LiveJournal implements AsyncDisposable {
  readonly #admin: Awaited<ReturnType<EtcdCluster["openAdmin"]>>;
  readonly #end = new AbortController();
  readonly #sessions = new Map<string, Event[]>();
  readonly #reading: Promise<void>;
  #revision = 0n;
  #over = false;
  readonly #waits = new Set<() => void>();

  private constructor(admin: Awaited<ReturnType<EtcdCluster["openAdmin"]>>) {
    this.#admin = admin;
    this.#reading = this.#read().finally(() => {
      this.#over = true;
      this.#wake();
    });
    this.#reading.catch(() => undefined);
  }

  static async open(cluster: EtcdCluster): Promise<LiveJournal> {
    return new LiveJournal(await cluster.openAdmin());
  }

  /** What happened to the keys of a session, which begin with its name and a slash, up to a revision that wrote one. */
  async take(session: string, upTo: bigint): Promise<Journal> {
    while (this.#revision < upTo) {
      if (this.#over) {
        await this.#reading;
        throw new Error(`the journal ends before revision ${upTo}`);
      }
      await new Promise<void>((resolve) => this.#waits.add(resolve));
    }
    const journal = this.#sessions.get(session) ?? [];
    this.#sessions.delete(session);
    return journal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#reading.catch(() => undefined);
    await this.#admin[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    const { signal } = this.#end;
    async function* requests() {
      yield { requestUnion: { case: "createRequest" as const, value: { ...everyKey, startRevision: 1n } } };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    }
    const answers = createClient(Watch, this.#admin.transport).watch(requests(), { signal });
    for await (const { events, canceled, cancelReason } of answers) {
      if (canceled) throw new Error(`the journal cannot be read: ${cancelReason || "compacted"}`);
      for (const event of events) this.#note(event);
      this.#wake();
    }
  }

  #wake(): void {
    const waits = [...this.#waits];
    this.#waits.clear();
    for (const wait of waits) wait();
  }

  #note(event: Event): void {
    const key = Buffer.from(event.kv?.key ?? []).toString();
    const session = key.slice(0, key.indexOf("/"));
    const events = this.#sessions.get(session);
    if (events === undefined) this.#sessions.set(session, [event]);
    else events.push(event);
    this.#revision = event.kv?.modRevision ?? this.#revision;
  }
}
