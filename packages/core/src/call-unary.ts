import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { CallOptions } from "./call-options.js";
import { callContext } from "./connection/context.js";

/**
 * Calls a unary method of a service with the options of a call. The services of the family are built on it; a program
 * that needs another service has Connect's `createClient`.
 *
 * @param timeoutMs - In milliseconds; by default that of the call. Methods that take as long as they take pass `Infinity`
 *   where the call says nothing.
 * @returns The answer.
 * @throws What the transport rejects with: on that of a connection an `EtcdError`, or the reason of `call.signal`.
 */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  transport: Transport,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  call: CallOptions | undefined,
  timeoutMs: number | undefined = call?.timeoutMs,
): Promise<MessageShape<O>> {
  const context = callContext(call);
  return transport.unary(method, call?.signal, timeoutMs, call?.headers, request, context).then(messageOf);
}

function messageOf<T>({ message }: { readonly message: T }): T {
  return message;
}
