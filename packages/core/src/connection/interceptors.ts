import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create, isMessage } from "@bufbuild/protobuf";
import type {
  ContextValues,
  Interceptor,
  StreamResponse,
  Transport,
  UnaryResponse,
} from "@connectrpc/connect";
import { createContextValues } from "@connectrpc/connect";
import { checkCallerHeaders, type HeaderInput } from "./call-headers.js";

/**
 * Puts Connect interceptors around a transport: the first of the list is outermost. Each sees a call once, however often
 * it is repeated underneath. Headers that an interceptor sets travel like those of the caller.
 */
export function intercepted(transport: Transport, interceptors: readonly Interceptor[]): Transport {
  if (interceptors.length === 0) return transport;
  return {
    async unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeaderInput | undefined,
      input: MessageInitShape<I>,
      contextValues?: ContextValues,
    ): Promise<UnaryResponse<I, O>> {
      const call = around(interceptors, (request) => {
        if (request.stream) throw new TypeError("interceptor: passed a stream on for a unary call");
        return transport.unary(
          request.method,
          request.signal,
          timeoutMs,
          request.header,
          request.message,
          request.contextValues,
        );
      });
      const answer = await call({
        ...common(method, signal, header, contextValues),
        stream: false,
        method,
        message: message(method.input, input),
      });
      return answer as UnaryResponse<I, O>;
    },
    async stream<I extends DescMessage, O extends DescMessage>(
      method: DescMethodStreaming<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeaderInput | undefined,
      input: AsyncIterable<MessageInitShape<I>>,
      contextValues?: ContextValues,
    ): Promise<StreamResponse<I, O>> {
      const call = around(interceptors, (request) => {
        if (!request.stream) throw new TypeError("interceptor: passed a unary request on for a stream");
        return transport.stream(
          request.method,
          request.signal,
          timeoutMs,
          request.header,
          request.message,
          request.contextValues,
        );
      });
      const answer = await call({
        ...common(method, signal, header, contextValues),
        stream: true,
        method,
        message: messages(method.input, input),
      });
      return answer as StreamResponse<I, O>;
    },
  };
}

type Next = ReturnType<Interceptor>;

function around(interceptors: readonly Interceptor[], innermost: Next): Next {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), innermost);
}

// A call without a signal gets one that never aborts: interceptors may rely on it.
const neverAborts = new AbortController().signal;

function common(
  method: DescMethodUnary | DescMethodStreaming,
  signal: AbortSignal | undefined,
  header: HeaderInput | undefined,
  contextValues: ContextValues | undefined,
) {
  const own = new Headers();
  if (header !== undefined) for (const [name, value] of checkCallerHeaders(header)) own.append(name, value);
  return {
    service: method.parent,
    requestMethod: "POST" as const,
    url: `/${method.parent.typeName}/${method.name}`,
    header: own,
    signal: signal ?? neverAborts,
    contextValues: contextValues ?? createContextValues(),
  };
}

function message<D extends DescMessage>(desc: D, init: MessageInitShape<D>): MessageShape<D> {
  return isMessage(init, desc) ? init : create(desc, init);
}

async function* messages<D extends DescMessage>(
  desc: D,
  input: AsyncIterable<MessageInitShape<D>>,
): AsyncGenerator<MessageShape<D>, void, undefined> {
  for await (const init of input) yield message(desc, init);
}
