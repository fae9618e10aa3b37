/**
 * A Connect transport over a channel of `@grpc/grpc-js`, for programs that have one already: with its credentials, its
 * proxies, its name resolution and its load balancing.
 *
 * @packageDocumentation
 */
import {
  create,
  type DescMessage,
  type DescMethodStreaming,
  type DescMethodUnary,
  fromBinary,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from "@connectrpc/connect";
import {
  type ChannelCredentials,
  type ChannelInterface,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  Metadata,
  type StatusObject,
} from "@grpc/grpc-js";
import type { Disposition } from "./disposition.js";
import { RequestSource } from "./grpc/request-source.js";

/** A transport over grpc-js. */
export interface GrpcJsTransport extends Transport {
  /** Closes the channel if the transport made it; calls under way go on. A channel that was given stays open. */
  close(): void;
}

/**
 * Makes a transport over grpc-js. What it cannot do: tell of a call that failed whether the server can have seen it
 * (errors carry no `disposition`, but for those of a closed channel), or show the state of its connections.
 *
 * @param channelOrAddress - A channel, or the address to make one for, as grpc-js spells it: `localhost:2379`,
 * `dns:///etcd.example:2379`, `unix:/run/etcd.sock`.
 * @param credentials - For the channel that is made. A channel that is given has its own.
 * @param options - For the channel that is made. Answers may be of any size unless it says otherwise (grpc-js by itself
 * refuses those above 4 MiB).
 * @throws TypeError when there are no credentials for an address.
 */
export function createGrpcJsTransport(
  channelOrAddress: ChannelInterface | string,
  credentials?: ChannelCredentials | undefined,
  options?: ClientOptions | undefined,
): GrpcJsTransport {
  if (typeof channelOrAddress !== "string") {
    const channel = channelOrAddress;
    // grpc-js wants credentials in any case, and uses the channel's.
    return new GrpcJs(
      new Client(channel.getTarget(), unusedCredentials, { ...options, channelOverride: channel }),
      false,
    );
  }
  if (credentials === undefined)
    throw new TypeError("credentials: expected those of grpc-js for the address");
  const client = new Client(channelOrAddress, credentials, {
    "grpc.max_receive_message_length": -1,
    ...options,
  });
  return new GrpcJs(client, true);
}

const unusedCredentials = {} as ChannelCredentials;

type HeaderInput = ConstructorParameters<typeof Headers>[0];

class GrpcJs implements GrpcJsTransport {
  readonly #client: Client;
  readonly #owned: boolean;

  constructor(client: Client, owned: boolean) {
    this.#client = client;
    this.#owned = owned;
  }

  close(): void {
    if (this.#owned) this.#client.close();
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw aborted(signal);
      const request = encode(method.input, input);
      const responseHeader = new Headers();
      let message: MessageShape<O> | undefined;
      const call = begun(() =>
        this.#client.makeUnaryRequest<Buffer, MessageShape<O>>(
          pathOf(method),
          (bytes) => bytes,
          (bytes) => decode(method.output, bytes),
          request,
          toMetadata(header),
          deadlineIn(timeoutMs),
          (_error, value) => {
            message = value;
          },
        ),
      );
      const onAbort = (): void => {
        call.cancel();
        reject(aborted(signal));
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      call.on("metadata", (metadata: Metadata) => copy(metadata, responseHeader));
      call.on("status", (status: StatusObject) => {
        signal?.removeEventListener("abort", onAbort);
        if (status.code !== 0 || message === undefined) {
          reject(errorOf(status));
          return;
        }
        const trailer = copy(status.metadata, new Headers());
        resolve({ stream: false, service: method.parent, method, header: responseHeader, trailer, message });
      });
    });
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw aborted(signal);
      const requests = new RequestSource(input);
      const call = begun(() =>
        this.#client.makeBidiStreamRequest<Buffer, MessageShape<O>>(
          pathOf(method),
          (bytes) => bytes,
          (bytes) => decode(method.output, bytes),
          toMetadata(header),
          deadlineIn(timeoutMs),
        ),
      );
      const responseHeader = new Headers();
      const trailer = new Headers();
      /** Why the call failed on this side, if it did: what grpc-js says then is only that it was cancelled. */
      let ownReason: { readonly error: unknown } | undefined;
      const end = (error: unknown): void => {
        ownReason ??= { error };
        call.cancel();
      };
      const onAbort = (): void => end(aborted(signal));
      signal?.addEventListener("abort", onAbort, { once: true });
      const respond = (): void =>
        resolve({
          stream: true,
          service: method.parent,
          method,
          header: responseHeader,
          trailer,
          message: messagesOf(call, () => ownReason),
        });
      call.on("metadata", (metadata: Metadata) => {
        copy(metadata, responseHeader);
        respond();
      });
      call.on("error", () => undefined); // told by the status; none may go unheard
      call.on("status", (status: StatusObject) => {
        signal?.removeEventListener("abort", onAbort);
        void requests.leave();
        copy(status.metadata, trailer);
        if (status.code === 0) respond();
        else reject(ownReason === undefined ? errorOf(status) : ownReason.error);
      });
      sendAll(call, method, requests).catch(end);
    });
  }
}

/** Sends the requests, each when the one before it has left. */
async function sendAll<I extends DescMessage, O extends DescMessage>(
  call: ClientDuplexStream<Buffer, MessageShape<O>>,
  method: DescMethodStreaming<I, O>,
  requests: RequestSource<MessageInitShape<I>>,
): Promise<void> {
  let ended = false;
  const over = new Promise<void>((resolve) =>
    call.once("status", () => {
      ended = true;
      resolve();
    }),
  );
  while (true) {
    const next = await requests.next();
    if (ended) return;
    if (next.done === true) break;
    const bytes = encode(method.input, next.value);
    await Promise.race([new Promise<void>((resolve) => call.write(bytes, () => resolve())), over]);
    if (ended) return;
    if (method.methodKind === "server_streaming") break;
  }
  call.end();
}

async function* messagesOf<M>(
  call: ClientDuplexStream<Buffer, M>,
  ownReason: () => { readonly error: unknown } | undefined,
): AsyncGenerator<M, void, undefined> {
  try {
    for await (const message of call) {
      const reason = ownReason();
      if (reason !== undefined) throw reason.error; // who aborts has no use for what has arrived
      yield message as M;
    }
  } catch (error) {
    const reason = ownReason();
    throw reason === undefined ? errorOf(error as StatusObject) : reason.error;
  } finally {
    call.cancel();
  }
}

/** A channel that is closed throws, at once. */
function begun<C>(begin: () => C): C {
  try {
    return begin();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const disposition: Disposition = "unsent";
    throw Object.assign(new ConnectError(message, Code.Unavailable, undefined, undefined, cause), {
      disposition,
    });
  }
}

function pathOf(method: DescMethodUnary | DescMethodStreaming): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function encode<D extends DescMessage>(desc: D, input: MessageInitShape<D>): Buffer {
  const bytes = toBinary(desc, isMessage(input, desc) ? input : create(desc, input));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Copied first: the bytes fields of protobuf-es point into what they were read from, and would be of its kind. */
function decode<D extends DescMessage>(desc: D, bytes: Buffer): MessageShape<D> {
  return fromBinary(desc, new Uint8Array(bytes));
}

/** grpc-js has deadlines by the wall clock only. A time that is not positive stands for none, as in Connect. */
function deadlineIn(timeoutMs: number | undefined): { deadline?: number } {
  return timeoutMs !== undefined && timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {};
}

function aborted(signal: AbortSignal | undefined): ConnectError {
  return new ConnectError("the call was aborted", Code.Canceled, undefined, undefined, signal?.reason);
}

/** An error of the status that a call ended with; grpc-js's own errors are statuses too. */
function errorOf(status: Pick<StatusObject, "code" | "details" | "metadata">): ConnectError {
  // Success without a message is none.
  const code = status.code === 0 ? Code.Internal : status.code;
  const text = status.code === 0 ? "the answer has no message" : status.details;
  const isKnown = typeof code === "number" && Code[code] !== undefined;
  const metadata = status.metadata === undefined ? undefined : copy(status.metadata, new Headers());
  return new ConnectError(
    text ?? String(status),
    isKnown ? (code as Code) : Code.Unknown,
    metadata,
    undefined,
    status instanceof Error ? status : undefined,
  );
}

/** Values under names that end in "-bin" are bytes in grpc-js and base64 in a `Headers`. */
function toMetadata(header: HeaderInput): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of new Headers(header)) {
    if (!name.endsWith("-bin")) metadata.add(name, value);
    else for (const part of value.split(",")) metadata.add(name, Buffer.from(part.trim(), "base64"));
  }
  return metadata;
}

function copy(metadata: Metadata, target: Headers): Headers {
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) {
      target.append(name, typeof value === "string" ? value : value.toString("base64"));
    }
  }
  return target;
}
