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

type Next = ReturnType<Interceptor>;

/**
 * Puts Connect interceptors around a transport: the first of the list is outermost. Each sees a call once, however often
 * it is repeated underneath. Headers that an interceptor sets travel like those of the caller.
 */
export function intercepted(transport: Transport, interceptors: readonly Interceptor[]): Transport {
  if (interceptors.length === 0) return transport;
  const through = (request: Parameters<Next>[0], timeoutMs: number | undefined): ReturnType<Next> => {
    const innermost: Next = async (passed) => {
      const { header, signal, contextValues } = passed;
      if (passed.stream !== request.stream) {
        const [given, wanted] = passed.stream ? ["a stream", "unary call"] : ["a unary call", "stream"];
        throw new TypeError(`interceptor: passed ${given} on for a ${wanted}`);
      }
      return passed.stream
        ? transport.stream(passed.method, signal, timeoutMs, header, passed.message, contextValues)
        : transport.unary(passed.method, signal, timeoutMs, header, passed.message, contextValues);
    };
    return interceptors.reduceRight((next, interceptor) => interceptor(next), innermost)(request);
  };
  return {
    async unary<I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeaderInput | undefined,
      input: MessageInitShape<I>,
      contextValues?: ContextValues,
    ): Promise<UnaryResponse<I, O>> {
      const request = common(method, signal, header, contextValues);
      const sent = { ...request, stream: false as const, method, message: message(method.input, input) };
      return (await through(sent, timeoutMs)) as UnaryResponse<I, O>;
    },
    async stream<I extends DescMessage, O extends DescMessage>(
      method: DescMethodStreaming<I, O>,
      signal: AbortSignal | undefined,
      timeoutMs: number | undefined,
      header: HeaderInput | undefined,
      input: AsyncIterable<MessageInitShape<I>>,
      contextValues?: ContextValues,
    ): Promise<StreamResponse<I, O>> {
      const request = common(method, signal, header, contextValues);
      const sent = { ...request, stream: true as const, method, message: messages(method.input, input) };
      return (await through(sent, timeoutMs)) as StreamResponse<I, O>;
    },
  };
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
