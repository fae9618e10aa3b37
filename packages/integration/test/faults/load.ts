import { type CallOptions, type Kv, outcomeOf, type ResponseHeader, toJson, utf8 } from "@etcdkit/core";
import { Tally, type Verdict } from "./tally.js";
import { settled } from "./writes.js";

/** What readers and writers saw while something broke. */
export interface LoadReport {
  readonly reads: number;
  /** Why reads were rejected. */
  readonly readFailures: readonly unknown[];
  /** The longest time in which no read came back, in milliseconds. */
  readonly longestGapMs: number;
  /** Each linearizable read's revision was at least that of every read that had ended before it began. */
  readonly revisionsWentBack: number;
  readonly writes: Tally;
}

/** Readers and writers at work. */
export interface Load {
  /** Resolves when so many more reads and writes have come back. */
  more(count: number): Promise<void>;
  /**
   * Lets everybody finish, and the servers with what was given up on its way through them; then compares what writers were
   * told with what a look at every key shows.
   */
  finish(): Promise<LoadReport>;
}

const workers = 4;

/**
 * Starts four readers and four writers that go on until told to finish. Every write has a key of its own, so that the
 * key's version tells how often it was applied.
 *
 * @param call - Of every read and write.
 */
export function startLoad(kv: Kv, prefix: string, call: CallOptions = {}): Load {
  const written: {
    readonly key: string;
    readonly verdict: Verdict;
    readonly header: ResponseHeader | undefined;
  }[] = [];
  const readFailures: unknown[] = [];
  const waits: { readonly count: number; resolve(): void }[] = [];
  let [reads, longestGapMs, revisionsWentBack] = [0, 0, 0];
  let lastReadMs = performance.now();
  let highest = 0n;
  let stopped = false;

  function advance(): void {
    for (const wait of waits.splice(0)) {
      if (Math.min(reads, written.length) >= wait.count) wait.resolve();
      else waits.push(wait);
    }
  }

  async function read(): Promise<void> {
    while (!stopped) {
      const floor = highest;
      try {
        const { revision } = (await kv.range(`${prefix}none`, call)).header;
        const nowMs = performance.now();
        longestGapMs = Math.max(longestGapMs, nowMs - lastReadMs);
        lastReadMs = nowMs;
        reads++;
        if (revision < floor) revisionsWentBack++;
        if (revision > highest) highest = revision;
      } catch (error) {
        readFailures.push(error);
      }
      advance();
    }
  }

  async function write(worker: number): Promise<void> {
    for (let i = 0; !stopped; i++) {
      const key = `${prefix}${worker}/${i}`;
      let verdict: Verdict = "resolved";
      let header: ResponseHeader | undefined;
      try {
        ({ header } = await kv.put(key, key, call));
      } catch (error) {
        verdict = outcomeOf(error) ?? "no outcome";
      }
      written.push({ key, verdict, header });
      advance();
    }
  }

  const all = Array.from({ length: workers }, (_, worker) => [read(), write(worker)]).flat();
  return {
    more(count) {
      const goal = Math.min(reads, written.length) + count;
      return new Promise((resolve) => void waits.push({ count: goal, resolve }));
    },
    async finish() {
      stopped = true;
      await Promise.all(all);
      await settled(kv);
      const versions = new Map<string, number>();
      const keys = new Map<bigint, string>();
      for await (const page of kv.scan({ prefix })) {
        for (const { key, version, modRevision } of page) {
          versions.set(utf8(key), Number(version));
          keys.set(modRevision, utf8(key));
        }
      }
      const writes = new Tally();
      for (const { key, verdict, header } of written) {
        // What the answer said of a write that is not there tells whose mistake it is: a server that gave its revision to
        // another write later has forgotten it.
        const told =
          header && `${key} (${JSON.stringify(toJson(header))}, which is now ${keys.get(header.revision)})`;
        const applied = versions.get(key) ?? 0;
        writes.add(applied === 0 ? (told ?? key) : key, verdict, applied);
      }
      return { reads, readFailures, longestGapMs, revisionsWentBack, writes };
    },
  };
}
