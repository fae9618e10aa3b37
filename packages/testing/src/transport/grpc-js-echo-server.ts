import type { Readable } from "node:stream";
import { create, type DescMethod, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { createEchoBehaviour, type EchoCall, EchoFailure } from "./echo-behaviour.js";
import { createEchoLog } from "./echo-log.js";
import type { EchoServer, EchoServerOptions } from "./echo-server.js";
import { Echo, type EchoRequest, EchoRequestSchema, EchoResponseSchema } from "./echo-service.js";

type Response = MessageInitShape<typeof EchoResponseSchema>;
type AnyCall =
  | ServerUnaryCall<EchoRequest, Response>
  | ServerReadableStream<EchoRequest, Response>
  | ServerWritableStream<EchoRequest, Response>
  | ServerDuplexStream<EchoRequest, Response>;

/** Starts an echo server of `@grpc/grpc-js`. */
export async function startGrpcJsEchoServer(options: EchoServerOptions = {}): Promise<EchoServer> {
  const log = createEchoLog();
  const behaviour = createEchoBehaviour(log);
  const { maxConcurrentStreams } = options;
  const server = new Server({
    "grpc.max_receive_message_length": -1,
    ...(maxConcurrentStreams === undefined ? {} : { "grpc.max_concurrent_streams": maxConcurrentStreams }),
  });

  function answer(
    call: AnyCall,
    done: sendUnaryData<Response>,
    act: (context: Context) => Promise<Response>,
  ): void {
    const context = contextOf(call);
    act(context).then(
      (response) => {
        context.sendHeader();
        done(null, response, toMetadata(context.responseTrailer));
      },
      (error: unknown) => done(statusOf(error)),
    );
  }

  async function stream(
    call: ServerWritableStream<EchoRequest, Response> | ServerDuplexStream<EchoRequest, Response>,
    act: (context: Context) => AsyncGenerator<Response>,
  ): Promise<void> {
    const context = contextOf(call);
    try {
      for await (const response of act(context)) {
        if (call.cancelled) break;
        context.sendHeader();
        if (!call.write(response)) await drained(call, context.signal);
      }
      context.sendHeader();
      call.end(toMetadata(context.responseTrailer));
    } catch (error) {
      call.emit("error", statusOf(error));
    }
  }

  server.addService(definition(), {
    unary: (call: ServerUnaryCall<EchoRequest, Response>, done: sendUnaryData<Response>) =>
      answer(call, done, (context) => behaviour.unary(call.request, context)),
    serverStream: (call: ServerWritableStream<EchoRequest, Response>) =>
      void stream(call, (context) => behaviour.serverStream(call.request, context)),
    clientStream: (call: ServerReadableStream<EchoRequest, Response>, done: sendUnaryData<Response>) =>
      answer(call, done, (context) => behaviour.clientStream(requestsOf(call), context)),
    bidi: (call: ServerDuplexStream<EchoRequest, Response>) =>
      void stream(call, (context) => behaviour.bidi(requestsOf(call), context)),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const close = (): Promise<void> => {
    server.forceShutdown();
    return Promise.resolve();
  };
  return { endpoint: `http://127.0.0.1:${port}`, log, close, [Symbol.asyncDispose]: close };
}

interface Context extends EchoCall {
  /** Sends the headers, if that has not been done. */
  sendHeader(): void;
}

function contextOf(call: AnyCall): Context {
  const gone = new AbortController();
  (call as NodeJS.EventEmitter).on("cancelled", () => gone.abort());
  const responseHeader = new Headers();
  let isSent = false;
  return {
    header: toHeaders(call.metadata),
    responseHeader,
    responseTrailer: new Headers(),
    signal: gone.signal,
    sendHeader() {
      if (isSent || call.cancelled) return;
      isSent = true;
      call.sendMetadata(toMetadata(responseHeader));
    },
  };
}

/** Leaving these must not end the call: the answer is still to come. */
function requestsOf(call: Readable): AsyncIterable<EchoRequest> {
  return { [Symbol.asyncIterator]: () => call.iterator({ destroyOnReturn: false }) };
}

function drained(call: NodeJS.EventEmitter, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("drain", done);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}

function definition() {
  const { missing: _, ...offered } = Echo.method;
  return Object.fromEntries(
    Object.entries(offered).map(([name, method]: [string, DescMethod]) => [
      name,
      {
        path: `/${Echo.typeName}/${method.name}`,
        requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
        responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
        requestSerialize: (request: EchoRequest) => Buffer.from(toBinary(EchoRequestSchema, request)),
        requestDeserialize: (bytes: Buffer) => fromBinary(EchoRequestSchema, bytes),
        responseSerialize: (response: Response) =>
          Buffer.from(toBinary(EchoResponseSchema, create(EchoResponseSchema, response))),
        responseDeserialize: (bytes: Buffer) => fromBinary(EchoResponseSchema, bytes),
      },
    ]),
  );
}

function statusOf(error: unknown): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  if (!(error instanceof EchoFailure)) return { code: 2, details: String(error), metadata };
  metadata.set("x-failure", String(error.code));
  return { code: error.code, details: error.message, metadata };
}

function toHeaders(metadata: Metadata): Headers {
  const headers = new Headers();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) {
      headers.append(name, typeof value === "string" ? value : value.toString("base64"));
    }
  }
  return headers;
}

function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of headers) {
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}
