import type {
  DescMessage,
  DescMethodServerStreaming,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { CallOptions } from "./call-options.js";
import { callContext } from "./connection/context.js";

/** The answers of a server-streaming call, taken one by one. */
export interface ServerStream<T> {
  /** The next message; `undefined` at the end. What it rejects with has ended the call. */
  next(): Promise<T | undefined>;
  /** Ends the call; a `next` under way, and those to come, reject with `reason`. Idempotent. */
  end(reason?: unknown): Promise<void>;
}

/**
 * Opens a server-streaming call that can be ended at any time, also while a message is waited for, and that leaves nothing
 * on the caller's signal once it has ended. Whoever opens it reads to its end or ends it.
 *
 * @param call - Without `timeoutMs` the call lasts as long as it lasts.
 * @throws What the transport rejects with: on that of a connection an `EtcdError`, or the reason of `call.signal`.
 */
export async function openServerStream<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: DescMethodServerStreaming<I, O>,
  request: MessageInitShape<I>,
  call: CallOptions | undefined,
): Promise<ServerStream<MessageShape<O>>> {
  const outer = call?.signal;
  outer?.throwIfAborted();
  const controller = new AbortController();
  const { signal } = controller;
  const onAbort = (): void => controller.abort(outer?.reason);
  outer?.addEventListener("abort", onAbort, { once: true });
  let messages: AsyncIterator<MessageShape<O>> | undefined;

  async function end(reason?: unknown): Promise<void> {
    outer?.removeEventListener("abort", onAbort);
    controller.abort(reason);
    // Whatever the transport says to the end, there is nobody left to tell.
    await messages?.return?.().catch(() => undefined);
  }

  /** Carries out a step of the call. One that fails ends it, and the reason for which it was ended is what counts. */
  async function step<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const failure: unknown = signal.aborted ? signal.reason : error;
      await end();
      throw failure;
    }
  }

  const answer = await step(() =>
    transport.stream(method, signal, call?.timeoutMs, call?.headers, only(request), callContext(call)),
  );
  const iterator = answer.message[Symbol.asyncIterator]();
  messages = iterator;
  let over = false;

  return {
    next: () =>
      step(async () => {
        if (over) return undefined;
        // The transport may have messages in store when the call is ended: they count no longer.
        signal.throwIfAborted();
        const next = await iterator.next();
        if (next.done !== true) return next.value;
        over = true;
        await end();
        return undefined;
      }),
    end,
  };
}

async function* only<T>(request: T): AsyncGenerator<T, void, undefined> {
  yield request;
}
