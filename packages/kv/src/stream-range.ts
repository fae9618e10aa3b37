import {
  type CallOptions,
  type Connection,
  callContext,
  EtcdError,
  isEtcdError,
  type RangeOp,
  type RangeResult,
  systemClock,
} from "@etcdkit/core";
import { KV, type RangeRequest, type RangeStreamResponse } from "@etcdkit/core/protocol";
import { delayOf } from "@etcdkit/core/spi";
import { decodeRange } from "./decode.js";
import { encodeRange } from "./encode.js";

const defaultChunkTimeoutMs = 10_000;

/**
 * Reads a range as a stream of chunks (etcd 3.7). The request ends when the loop is left, when the caller aborts and when
 * one chunk takes longer than `call.timeoutMs`; the time that the consumer takes does not count.
 */
export async function* streamRange(
  transport: Connection["transport"],
  op: RangeOp,
  call: CallOptions | undefined,
): AsyncGenerator<RangeResult, void, undefined> {
  const { signal, timeoutMs = defaultChunkTimeoutMs } = call ?? {};
  signal?.throwIfAborted();
  // One controller a stream: it ends the request for each of the three reasons, and the reason is what rejects.
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const wait = chunkTimer(controller, timeoutMs);
  let chunks: AsyncIterator<RangeStreamResponse> | undefined;
  try {
    const open = transport.stream(
      KV.method.rangeStream,
      controller.signal,
      undefined,
      call?.headers,
      only(encodeRange(op)),
      callContext(call),
    );
    const { message } = await wait(open);
    chunks = message[Symbol.asyncIterator]();
    for (let next = await wait(chunks.next()); next.done !== true; next = await wait(chunks.next())) {
      yield decodeRange(next.value.rangeResponse);
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    const reason: unknown = controller.signal.reason;
    throw reason !== signal?.reason && isEtcdError(reason, "DEADLINE") ? explained(reason) : reason;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    controller.abort();
    // The transport keeps count of its streams. Whatever it says to this one's end, there is nobody left to tell.
    await chunks?.return?.().catch(() => undefined);
  }
}

async function* only(request: RangeRequest): AsyncGenerator<RangeRequest, void, undefined> {
  yield request;
}

/** Makes a function that waits for a promise, and aborts `controller` with `DEADLINE` when that takes too long. */
function chunkTimer(controller: AbortController, timeoutMs: number): <T>(pending: Promise<T>) => Promise<T> {
  return async (pending) => {
    let waiting = true;
    const giveUp = (): void => {
      const message = `the range read got no part of its answer within ${timeoutMs} ms`;
      if (waiting) controller.abort(new EtcdError("DEADLINE", message));
    };
    // After a stall of the process, Node runs timers before it reads sockets: the chunk may be there already.
    const cancelTimer = systemClock.setTimer(timeoutMs, () => setImmediate(giveUp), true);
    try {
      return await pending;
    } finally {
      waiting = false;
      cancelTimer();
    }
  };
}

/** A time limit that was kept by a signal, completed by where the time went. */
function explained(limit: EtcdError): EtcdError {
  const delay = delayOf(limit);
  if (delay === undefined) return limit;
  const { what, endpoint, cause } = delay;
  const why = cause === undefined ? "" : `: ${cause.message}`;
  return new EtcdError("DEADLINE", `${limit.message}, waiting for ${what}${why}`, { endpoint, cause });
}
