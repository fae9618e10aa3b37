import { EventEmitter, once } from "node:events";
import { createClient } from "@connectrpc/connect";
import { Event_EventType, prefixEnd, utf8 } from "@etcdkit/core";
import { KV, Watch } from "@etcdkit/core/protocol";
import { type EtcdCluster, openGrpcTransport } from "@etcdkit/testing";
import { nowUs } from "./clock.js";
import type { JournalEntry } from "./journal.js";

/** All that happens to the keys of a run, seen by a plain watch behind the client's back. */
export interface JournalWatch extends AsyncDisposable {
  /** Waits until the key of a token was seen to be gone; `false` when it is still there after this time. */
  gone(token: string, withinMs: number): Promise<boolean>;
  /** Waits until all is there that has happened up to now. */
  complete(): Promise<readonly JournalEntry[]>;
}

const prefix = new TextEncoder().encode("lock-safety/");

/** Watches one member from the first revision on. Its link is never cut; it may be paused. */
export function watchJournal(cluster: EtcdCluster): JournalWatch {
  const plain = openGrpcTransport(cluster.endpoints[0] ?? "");
  const entries: JournalEntry[] = [];
  const closed = new AbortController();
  const arrivals = new EventEmitter();
  /** Which token each key stands for, of those that are there. */
  const tokens = new Map<string, string>();
  const gone = new Set<string | undefined>();
  async function* requests() {
    const value = { key: prefix, rangeEnd: prefixEnd(prefix), startRevision: 1n };
    yield { requestUnion: { case: "createRequest" as const, value } };
    await once(closed.signal, "abort");
  }
  async function read(): Promise<void> {
    const responses = createClient(Watch, plain.transport).watch(requests(), { signal: closed.signal });
    for await (const { events, canceled, cancelReason } of responses) {
      if (canceled) throw new Error(`the journal cannot be read: ${cancelReason || "compacted"}`);
      const seenUs = nowUs();
      for (const { type, kv } of events) {
        if (kv === undefined) continue;
        const { createRevision, modRevision, value } = kv;
        const deleted = type === Event_EventType.DELETE;
        const key = utf8(kv.key);
        entries.push({ deleted, key, value, createRevision, modRevision, seenUs });
        if (deleted) gone.add(tokens.get(key));
        else tokens.set(key, createRevision.toString());
      }
      arrivals.emit("entries");
    }
    throw new Error("the journal has ended before its time");
  }
  const reading = read();
  reading.catch(() => undefined); // told by complete()
  return {
    async gone(token, withinMs) {
      const limit = AbortSignal.timeout(withinMs);
      while (!gone.has(token)) {
        if (limit.aborted) return false;
        await Promise.race([once(arrivals, "entries", { signal: limit }), reading]).catch(
          (error: unknown) => {
            if (!limit.aborted) throw error;
          },
        );
      }
      return true;
    },
    async complete() {
      const marker = { key: new TextEncoder().encode("lock-safety/end"), value: new Uint8Array() };
      const { header } = await createClient(KV, plain.transport).put(marker, { timeoutMs: 30_000 });
      const upTo = header?.revision ?? 0n;
      const signal = AbortSignal.timeout(30_000);
      while ((entries.at(-1)?.modRevision ?? 0n) < upTo) {
        await Promise.race([once(arrivals, "entries", { signal }), reading]);
      }
      return [...entries];
    },
    async [Symbol.asyncDispose]() {
      closed.abort();
      await reading.catch(() => undefined);
      await plain[Symbol.asyncDispose]();
    },
  };
}
