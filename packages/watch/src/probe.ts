import type { Connection, ResponseHeader, WatchCall } from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import { callUnary, headerOf } from "@etcdkit/core/spi";
import { rangeMessage } from "./requests.js";

/**
 * Asks for next to nothing of what a watch may see: a linearizable read with the same metadata, which needs the same right.
 * It tells at which revision the store is, and whether the user may read; and the connection repeats it with a fresh token
 * where the old one has expired, as no stream can.
 */
export async function probe(
  { transport, call }: { readonly transport: Connection["transport"]; readonly call: WatchCall },
  range: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array | undefined },
  signal: AbortSignal,
): Promise<ResponseHeader> {
  // The empty key may be watched, and cannot be read.
  const key = range.key.length === 0 ? new Uint8Array(1) : range.key;
  const message = rangeMessage({ key, rangeEnd: range.rangeEnd, limit: 1, keysOnly: true });
  return headerOf(await callUnary(transport, KV.method.range, message, { ...call, signal }));
}
