import {
  isDelete,
  type KeyValue,
  type KvExecutor,
  kvFrom,
  utf8,
  type WatchOpener,
  watcherFrom,
} from "@etcdkit/core";
import { checkKv, checkServices, checkWatcher } from "@etcdkit/core/spi";
import { type Endpoint, type Endpoints, type EndpointUpdate, sameEndpoint } from "./endpoint.js";
import { decodeEndpoint } from "./endpoint-json.js";
import { inOrder, prefixOf } from "./endpoint-keys.js";
import type { OnSkipped } from "./skipped.js";

/** What endpoints are read with: services of one cluster and one namespace. */
export interface NamingServices {
  readonly kv: KvExecutor;
  readonly watcher: WatchOpener;
}

/** Refuses services that are missing, or that mean different keys by the same name. */
export function checkNamingServices(services: unknown): asserts services is NamingServices {
  checkServices(services, "services", { kv: checkKv, watcher: checkWatcher });
}

/** One change of a directory, and the whole of it thereafter. */
export interface EndpointChange {
  /** Empty only for the first change, of a service that has no endpoint. */
  readonly updates: readonly EndpointUpdate[];
  readonly endpoints: Endpoints;
}

/** How changes of endpoints are read. */
export interface ReadOptions {
  readonly target: string;
  readonly signal: AbortSignal;
  readonly onSkipped: OnSkipped;
  /** What is known already: the first change is the difference to it. */
  readonly known?: Endpoints | undefined;
}

/** The endpoints that pairs say, without those that cannot be read. */
export function readPairs(pairs: readonly KeyValue[], target: string, onSkipped: OnSkipped): Endpoints {
  return inOrder(
    pairs.map((pair) => readPair(pair, target, onSkipped)).filter((endpoint) => endpoint !== undefined),
  );
}

/** What a pair says; `undefined` for one that cannot be read. */
function readPair(
  { key, value }: KeyValue,
  target: string,
  onSkipped: OnSkipped,
): readonly [string, Endpoint] | undefined {
  try {
    return [utf8(key), decodeEndpoint(value)];
  } catch (cause) {
    onSkipped({ target, key, cause });
    return undefined;
  }
}

/**
 * Delivers what endpoints a service has, then each change of them, until the signal aborts or the watch ends.
 *
 * The first read is serializable, as in Go: a service is found while the cluster has no majority. Who knows an older state
 * already is not to be thrown back behind it by a member that lags, and reads linearizably. After a compaction the watch
 * reads the state anew, and the difference is delivered.
 */
export async function* endpointChanges(
  { kv, watcher }: NamingServices,
  { target, signal, onSkipped, known: before }: ReadOptions,
): AsyncGenerator<EndpointChange, void, undefined> {
  const prefix = prefixOf(target);
  const { header, kvs } = await kvFrom(kv).range({ prefix }, { serializable: before === undefined, signal });
  let endpoints = readPairs(kvs, target, onSkipped);
  yield { updates: difference(before ?? new Map(), endpoints), endpoints };
  const watch = watcherFrom(watcher).watch(
    { prefix },
    { startRevision: header.revision + 1n, onCompacted: "resync", signal },
  );
  try {
    let pages: { readonly revision: bigint; readonly kvs: KeyValue[] } | undefined;
    for await (const batch of watch) {
      if (batch.kind === "progress") continue;
      if (batch.kind === "state") {
        if (pages?.revision !== batch.revision) pages = { revision: batch.revision, kvs: [] };
        pages.kvs.push(...batch.kvs);
        if (!batch.last) continue;
        const now = readPairs(pages.kvs, target, onSkipped);
        const updates = difference(endpoints, now);
        pages = undefined;
        endpoints = now;
        if (updates.length > 0) yield { updates, endpoints };
        continue;
      }
      const updates: EndpointUpdate[] = [];
      for (const event of batch.events) {
        if (event.kv === undefined) continue;
        if (isDelete(event)) {
          const key = keyOf(event.kv);
          if (key !== undefined) updates.push({ type: "delete", key });
          continue;
        }
        const pair = readPair(event.kv, target, onSkipped);
        if (pair !== undefined) updates.push({ type: "add", key: pair[0], endpoint: pair[1] });
      }
      if (updates.length === 0) continue;
      endpoints = applied(endpoints, updates);
      yield { updates, endpoints };
    }
  } finally {
    await watch.close();
  }
}

/** A key that is no text belongs to no endpoint that was told of. */
function keyOf({ key }: KeyValue): string | undefined {
  try {
    return utf8(key);
  } catch {
    return undefined;
  }
}

function applied(before: Endpoints, updates: readonly EndpointUpdate[]): Endpoints {
  const after = new Map(before);
  for (const update of updates) {
    if (update.type === "add") after.set(update.key, update.endpoint);
    else after.delete(update.key);
  }
  return inOrder(after);
}

/** What leads from one state to another: what came or changed, then what went. */
function difference(before: Endpoints, after: Endpoints): readonly EndpointUpdate[] {
  const updates: EndpointUpdate[] = [];
  for (const [key, endpoint] of after) {
    if (!sameEndpoint(before.get(key), endpoint)) updates.push({ type: "add", key, endpoint });
  }
  for (const key of before.keys()) if (!after.has(key)) updates.push({ type: "delete", key });
  return updates;
}
