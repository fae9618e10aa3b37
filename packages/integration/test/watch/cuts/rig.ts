import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge, openFrameProxy } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import type { SharedCluster } from "../../support/each-etcd.js";
import { LiveJournal } from "./live-journal.js";
import { cutThere, describePlace, type Extent, type Place } from "./places.js";
import type { Outcome, Session } from "./sessions.js";
import { isFlawless, judge, nothing, total, type Verdict } from "./verdict.js";

/** What many runs of a session came to. */
export interface Tally {
  readonly sessions: number;
  readonly cuts: number;
  readonly verdict: Verdict;
  /** Each watch that did not deliver what the journal has, and where its session was cut. After many no more is run. */
  readonly flaws: readonly string[];
}

/** A session that was not cut. */
export interface Recording {
  readonly bytes: Extent;
  readonly frames: Extent;
  readonly outcome: Outcome;
}

// One waits for its link to come back while others work.
const atOnce = 16;
const longestMs = 40_000;
/** When this many are found, more tell nothing new, and what is lost takes long to miss. */
const enoughFlaws = 100;

/** Runs sessions on one server, each over a link of its own, and judges them by the journal of the store. */
export class Rig implements AsyncDisposable {
  readonly #shared: SharedCluster;
  readonly #direct: Connection;
  readonly #journal: LiveJournal;
  #runs = 0;

  private constructor(shared: SharedCluster, journal: LiveJournal) {
    this.#shared = shared;
    this.#direct = shared.connect();
    this.#journal = journal;
  }

  static async open(shared: SharedCluster): Promise<Rig> {
    return new Rig(shared, await LiveJournal.open(shared.cluster));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#direct.close();
    await this.#journal[Symbol.asyncDispose]();
  }

  /** Runs a session that is not cut, to learn how long it is. */
  async record(session: Session): Promise<Recording> {
    await using proxy = await openFrameProxy(this.#target);
    await using bridge = await openBridge(proxy.endpoint);
    const { outcome } = await this.#run(session, bridge.endpoint);
    return {
      bytes: { toClient: bridge.forwarded("toClient"), toServer: bridge.forwarded("toServer") },
      frames: {
        toClient: proxy.seen({ direction: "toClient" }),
        toServer: proxy.seen({ direction: "toServer" }),
      },
      outcome,
    };
  }

  /** Runs a session once for each place, several at a time. */
  async cut(session: Session, places: readonly Place[]): Promise<Tally> {
    let sessions = 0;
    let cuts = 0;
    let verdict = nothing;
    const flaws: string[] = [];
    const waiting = places[Symbol.iterator]();
    const work = async (): Promise<void> => {
      for (const place of waiting) {
        if (flaws.length >= enoughFlaws) return;
        await using proxy = await openFrameProxy(this.#target);
        const made = cutThere(proxy, place);
        const label = describePlace(place);
        const run = await soon(this.#run(session, proxy.endpoint), label);
        verdict = total([verdict, run.verdict]);
        flaws.push(...run.flaws.map((flaw) => `${label}: ${flaw}`));
        cuts += made();
        sessions += 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return { sessions, cuts, verdict, flaws };
  }

  get #target(): string {
    return this.#shared.endpoints[0] ?? "";
  }

  async #run(
    session: Session,
    endpoint: string,
  ): Promise<{ outcome: Outcome; verdict: Verdict; flaws: readonly string[] }> {
    this.#runs += 1;
    // Of one length, so that a place is the same in every run.
    const name = `${this.#runs}`.padStart(5, "0");
    await using connection = this.#shared.connect({ endpoints: endpoint });
    await using watcher = createWatcher(connection);
    const outcome = await session({ kv: createKv(this.#direct), watcher, name });
    const journal = await this.#journal.take(name, outcome.revision);
    const flaws: string[] = [...outcome.complaints];
    const verdicts = outcome.deliveries.map((delivery) => {
      const verdict = judge(journal, delivery);
      if (!isFlawless(verdict)) flaws.push(`${delivery.title}: ${JSON.stringify(verdict)}`);
      return verdict;
    });
    return { outcome, verdict: total(verdicts), flaws };
  }
}

/** A session that hangs is to say where it was cut. */
async function soon<T>(run: Promise<T>, label: string): Promise<T> {
  const over = new AbortController();
  const late = delay(longestMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${label}: the session is not over after ${longestMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([run, late]);
  } finally {
    over.abort();
  }
}
