import { randomUUID } from "node:crypto";
import {
  type Event,
  type KeyValue,
  kvFrom,
  type ResponseHeader,
  systemClock,
  type Watch,
  watcherFrom,
} from "@etcdkit/core";
import { pauseMs, sleep } from "@etcdkit/core/spi";
import type { MirrorCheckpoint, MirrorWitness } from "./checkpoint.js";
import type { MirrorBatch, MirrorOptions, MirrorSource } from "./mirror.js";
import { backOff, isPassing } from "./persistently.js";
import { newestOf, verifyHistory, witnessOf, witnessOfEvent } from "./witness.js";

/**
 * What one watch after the other delivers, each of which goes on where the one before it ended. Watches wait by themselves
 * for links and members, but for some things, such as a leader, only for so long.
 */
export async function* follow(
  source: MirrorSource,
  options: MirrorOptions,
  prefix: Uint8Array,
): AsyncGenerator<MirrorBatch, void, undefined> {
  const { signal, clock = systemClock } = options;
  signal?.throwIfAborted();
  let { from } = options;
  for (let failures = 1; ; failures++) {
    try {
      for await (const batch of followOnce(source, { ...options, from }, prefix)) {
        failures = 0;
        yield batch;
        // In the middle of a base there is none: from what was before it, nobody can go on any more.
        from = batch.checkpoint;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      await sleep(clock, pauseMs(backOff, failures), signal);
    }
  }
}

async function* followOnce(
  source: MirrorSource,
  { from, onCompacted = "resync", signal }: MirrorOptions,
  prefix: Uint8Array,
): AsyncGenerator<MirrorBatch, void, undefined> {
  const watch = watcherFrom(source.watcher).watch(
    { prefix },
    {
      ...(from === undefined ? { initial: true } : { startRevision: from.revision + 1n }),
      onCompacted,
      progressNotify: true,
      signal,
      // On a stream of its own. Other watches may ask for progress, and old servers then announce it ahead of events (etcd
      // issue 15220): a checkpoint made of that would skip them.
      headers: { "etcdkit-mirror": randomUUID() },
    },
  );
  try {
    // Once the watch stands it notices by itself that the store is replaced. Why it does not, the iteration tells.
    if (from !== undefined && (await stands(watch))) {
      await verifyHistory(kvFrom(source.kv), from, prefix, signal);
    }
    let witness = from?.witness;
    /** Of the base that is under way. */
    let base: bigint | undefined;
    let newest: KeyValue | undefined;
    for await (const batch of watch) {
      const { header, revision } = batch;
      if (batch.kind === "state") {
        const { kvs, last } = batch;
        const first = revision !== base;
        newest = newestOf(kvs, first ? undefined : newest);
        base = last ? undefined : revision;
        const page = { kind: "base", header, revision, kvs, first, last } as const;
        if (last) witness = newest && witnessOf(newest);
        yield last ? { ...page, checkpoint: checkpointAt(revision, header, witness) } : page;
      } else if (batch.kind === "events") {
        for (const { revision, events, final } of revisionsOf(batch.events)) {
          witness = witnessOfEvent(final) ?? witness;
          const checkpoint = checkpointAt(revision, header, witness);
          yield { kind: "updates", header, revision, events, checkpoint };
        }
      } else {
        yield { kind: "progress", header, revision, checkpoint: checkpointAt(revision, header, witness) };
      }
    }
  } finally {
    await watch.close();
  }
}

async function stands(watch: Watch): Promise<boolean> {
  return await watch.created.then(
    () => true,
    () => false,
  );
}

function checkpointAt(
  revision: bigint,
  { clusterId }: ResponseHeader,
  witness: MirrorWitness | undefined,
): MirrorCheckpoint {
  return {
    revision,
    // Zero where etcd's gRPC proxy has made the header up: nothing that could be compared later.
    ...(clusterId !== 0n && { clusterId }),
    ...(witness !== undefined && { witness }),
  };
}

interface Revision {
  readonly revision: bigint;
  readonly events: readonly Event[];
  readonly final: Event;
}

/** Events revision by revision. */
function* revisionsOf(events: readonly Event[]): Generator<Revision, void, undefined> {
  let start = 0;
  for (const [i, final] of events.entries()) {
    const revision = final.kv?.modRevision ?? 0n;
    if (revision === events[i + 1]?.kv?.modRevision) continue;
    yield { revision, events: events.slice(start, i + 1), final };
    start = i + 1;
  }
}
