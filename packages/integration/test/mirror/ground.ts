import { type Kv, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { type MirrorProgress, type MirrorSource, type MirrorToOptions, mirrorTo } from "@etcdkit/mirror";
import { createWatcher } from "@etcdkit/watch";
import type { SharedCluster } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

/** What a case mirrors from and to. */
export interface Ground {
  readonly source: MirrorSource & { readonly kv: Kv };
  readonly destination: { readonly kv: Kv };
  /** In the source. */
  readonly prefix: string;
  /** In the destination, where the checkpoint lies beside the mirrored keys. */
  readonly destinationRoot: string;
  readonly options: MirrorToOptions & { readonly prefix: string; readonly destinationPrefix: string };
}

/** Connects to two clusters for one case, with prefixes of its own. */
export async function onGround(
  clusters: { readonly from: SharedCluster; readonly to: SharedCluster },
  run: (ground: Ground) => Promise<void>,
  endpoints: { readonly from?: string; readonly to?: string } = {},
): Promise<void> {
  const { from = clusters.from.endpoints, to = clusters.to.endpoints } = endpoints;
  await using source = clusters.from.connect({ endpoints: from });
  await using destination = clusters.to.connect({ endpoints: to });
  await using watcher = createWatcher(source);
  const prefix = uniqueKey("mirror");
  const destinationRoot = uniqueKey("mirrored");
  await run({
    source: { kv: createKv(source), watcher },
    destination: { kv: createKv(destination) },
    prefix,
    destinationRoot,
    options: {
      prefix,
      destinationPrefix: `${destinationRoot}keys/`,
      checkpointKey: `${destinationRoot}checkpoint`,
    },
  });
}

/** A mirror that runs in the background. */
export class RunningMirror implements AsyncDisposable {
  readonly progress: MirrorProgress[] = [];
  readonly #stopping = new AbortController();
  readonly #ended: Promise<unknown>;
  readonly #waits = new Set<() => void>();
  #over = false;

  constructor({ source, destination, options }: Pick<Ground, "source" | "destination" | "options">) {
    this.#ended = this.#run(mirrorTo(source, destination, { ...options, signal: this.#stopping.signal }));
  }

  /** Waits until the destination is what the source was at a revision, or later. */
  reached(revision: bigint): Promise<void> {
    return this.until((one) => one.kind !== "waiting" && one.revision >= revision && isWhole(one));
  }

  /** Waits for progress of some kind, which may have been made already. */
  async until(condition: (progress: MirrorProgress) => boolean, timeoutMs = 20_000): Promise<void> {
    const late = AbortSignal.timeout(timeoutMs);
    while (!this.progress.some(condition)) {
      if (this.#over) throw new Error("the mirror has ended", { cause: await this.#ended });
      if (late.aborted) throw new Error(`not within ${timeoutMs} ms`, { cause: this.progress.at(-1) });
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#waits.delete(done);
          late.removeEventListener("abort", done);
          resolve();
        };
        this.#waits.add(done);
        late.addEventListener("abort", done);
      });
    }
  }

  /** Waits for the end, and tells with what. */
  end(): Promise<unknown> {
    return this.#ended;
  }

  /** Stops it wherever it is. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("stopped by the test"));
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(mirror: AsyncIterable<MirrorProgress>): Promise<unknown> {
    let end: unknown;
    try {
      for await (const progress of mirror) {
        this.progress.push(progress);
        for (const wait of [...this.#waits]) wait();
      }
    } catch (error) {
      end = error;
    }
    this.#over = true;
    for (const wait of [...this.#waits]) wait();
    return end;
  }
}

function isWhole(progress: MirrorProgress): boolean {
  return progress.kind !== "base" || progress.done;
}

/** Keys, without their prefix, and values. */
export async function pairsOf(kv: Kv, prefix: string): Promise<Record<string, string>> {
  const { kvs } = await kv.range({ prefix });
  return Object.fromEntries(kvs.map(({ key, value }) => [utf8(key).slice(prefix.length), utf8(value)]));
}
