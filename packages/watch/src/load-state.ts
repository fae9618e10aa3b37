import {
  type Clock,
  type Connection,
  concatBytes,
  isEtcdError,
  type KeyValue,
  type ResponseHeader,
  type StateBatch,
  type WatchCall,
  type WatchRequest,
} from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import { type BackOff, callUnary, headerOf, pauseMs, sleep } from "@etcdkit/core/spi";
import { FailureJudge } from "./failure-judge.js";
import { rangeMessage } from "./requests.js";

const firstPageKeys = 128;
const mostPageKeys = 10_000;
const wantedPageBytes = 1024 * 1024;

/** What reading a state needs. */
export interface StateSetup {
  readonly transport: Connection["transport"];
  readonly clock: Clock;
  readonly backOff: BackOff;
  readonly endpoints: () => number;
  readonly request: WatchRequest;
  readonly call: WatchCall;
  readonly signal: AbortSignal;
  /** Takes a page. */
  readonly deliver: (page: StateBatch) => void;
  /** Resolves when there is room for another page. */
  readonly room: () => Promise<void>;
  /** Told of each header. */
  readonly note: (header: ResponseHeader) => void;
}

/**
 * Reads what the keys of a watch are, all at one revision, in pages of about a megabyte. Members that cannot be reached are
 * waited for. Should the revision be compacted before its last page was read, it begins again with a newer one.
 *
 * @returns The revision.
 */
export async function loadState(setup: StateSetup): Promise<bigint> {
  const { request, deliver, room } = setup;
  const { rangeEnd } = request;
  let { key } = request;
  let revision: bigint | undefined;
  let limit = firstPageKeys;
  while (true) {
    await room();
    const page = await readPage(setup, { key, rangeEnd, revision, limit });
    if (page === undefined) {
      key = request.key;
      revision = undefined;
      continue;
    }
    const { header, kvs, more } = page;
    revision ??= header.revision;
    const last = kvs.at(-1);
    const whole = !more || last === undefined;
    deliver({ kind: "state", header, revision, kvs, last: whole });
    if (whole) return revision;
    key = concatBytes(last.key, new Uint8Array(1));
    limit = fittingLimit(kvs);
  }
}

interface Page {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

/** @returns `undefined` when the revision is gone. */
async function readPage(
  setup: StateSetup,
  page: Parameters<typeof rangeMessage>[0],
): Promise<Page | undefined> {
  const { transport, clock, backOff, endpoints, call, signal, note } = setup;
  const judge = new FailureJudge(clock);
  for (let failures = 1; ; failures++) {
    try {
      const answer = await callUnary(transport, KV.method.range, rangeMessage(page), { ...call, signal });
      const header = headerOf(answer);
      note(header);
      return { header, kvs: answer.kvs, more: answer.more };
    } catch (error) {
      signal.throwIfAborted();
      if (isEtcdError(error, "COMPACTED") && page.revision !== undefined) return undefined;
      if (judge.isFinal(error, { established: false, worked: false, endpoints: endpoints() })) throw error;
      await sleep(clock, pauseMs(backOff, failures), signal);
    }
  }
}

/** How many keys the next page may have, going by the size of those of this one. */
function fittingLimit(kvs: readonly KeyValue[]): number {
  let bytes = 0;
  for (const { key, value } of kvs) bytes += key.length + value.length + 1;
  const limit = Math.floor((kvs.length * wantedPageBytes) / bytes);
  return Math.min(Math.max(limit, 1), mostPageKeys);
}
