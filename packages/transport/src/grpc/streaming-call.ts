import type { DescMessage, DescMethodStreaming, MessageShape } from "@bufbuild/protobuf";
import { Code, type StreamResponse } from "@connectrpc/connect";
import type { MessageCodec } from "../codec.js";
import type { Deadline, Deadlines } from "../deadlines.js";
import type { Disposition } from "../disposition.js";
import type { HeaderFields } from "../hpack/header-decoder.js";
import type { Http2Connection } from "../http2/connection.js";
import { ErrorCode } from "../http2/frame.js";
import type { Stream, StreamHandler } from "../http2/stream.js";
import { linkError, TransportError } from "../transport-error.js";
import { MessageReader, type MessageSink } from "./message-reader.js";
import { hasStatus, readHead, readStatus, toHeaders } from "./response-head.js";
import { abortError, deadlineError, resetError } from "./unary-call.js";

interface Arrived<M> {
  readonly message: M;
  /** Bytes of the body up to the end of this message that go back to the window when it is taken. */
  readonly bytes: number;
}

interface Reader<M> {
  resolve(result: IteratorResult<M>): void;
  reject(reason: unknown): void;
}

/**
 * One streaming call. Messages wait here until the consumer asks for them, and only then does the server get leave to send
 * more: a consumer that stops, stops the server when the stream's window (1 MiB) is full, and nothing else.
 *
 * Leaving the iteration, aborting and the deadline reset the stream. The iterator may be asked for several messages at
 * once.
 */
export class StreamingCall<I extends DescMessage, O extends DescMessage>
  implements StreamHandler, MessageSink
{
  readonly #method: DescMethodStreaming<I, O>;
  readonly #codec: MessageCodec;
  readonly #maxBytes: number;
  readonly #queue: Arrived<MessageShape<O>>[] = [];
  readonly #readers: Reader<MessageShape<O>>[] = [];
  readonly #header = new Headers();
  readonly #trailer = new Headers();
  #onHead: ((failure: { readonly reason: unknown } | undefined) => void) | undefined;
  #connection: Http2Connection | undefined;
  #stream: Stream | undefined;
  #signal: AbortSignal | undefined;
  #deadlines: Deadlines | undefined;
  #deadline: Deadline | undefined;
  #reader: MessageReader | undefined;
  #bodyBytes = 0;
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  #stopInput: (() => void) | undefined;

  /** @param stopInput - Called when no more requests are wanted, also if none ever was. */
  constructor(
    method: DescMethodStreaming<I, O>,
    codec: MessageCodec,
    maxBytes: number,
    stopInput: () => void,
  ) {
    this.#method = method;
    this.#codec = codec;
    this.#maxBytes = maxBytes;
    this.#stopInput = stopInput;
  }

  limit(signal: AbortSignal | undefined, timeoutMs: number | undefined, deadlines: Deadlines): void {
    this.#deadlines = deadlines;
    if (timeoutMs !== undefined) this.#deadline = deadlines.add(timeoutMs, this);
    if (signal === undefined) return;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  get settled(): boolean {
    return this.#ended;
  }

  /** The call is on its way. */
  begin(connection: Http2Connection, stream: Stream): void {
    this.#connection = connection;
    this.#stream = stream;
  }

  /** Resolves with the response as soon as its head is there; rejects when the call fails before. */
  response(): Promise<StreamResponse<I, O>> {
    return new Promise((resolve, reject) => {
      const settle = (failure: { readonly reason: unknown } | undefined): void => {
        if (failure !== undefined) reject(failure.reason);
        else
          resolve({
            stream: true,
            service: this.#method.parent,
            method: this.#method,
            header: this.#header,
            trailer: this.#trailer,
            message: this.#messages(),
          });
      };
      if (this.#failure !== undefined) settle(this.#failure);
      else this.#onHead = settle;
    });
  }

  onDeadline(): void {
    this.fail(deadlineError(this.#stream));
  }

  onHeaders(fields: HeaderFields, end: boolean): void {
    try {
      if (end) {
        if (this.#reader === undefined && !hasStatus(fields)) readHead(fields); // throws unless it is gRPC at all
        this.#finish(fields);
        return;
      }
      const { gzip } = readHead(fields);
      copy(fields, this.#header);
      this.#reader = new MessageReader(this.#maxBytes, gzip, this);
      this.#announce(undefined);
    } catch (error) {
      this.fail(error);
    }
  }

  onData(buffer: Buffer, start: number, end: number): void {
    try {
      this.#bodyBytes += end - start;
      this.#reader?.read(buffer, start, end);
      this.#openForRest();
    } catch (error) {
      this.fail(error);
    }
  }

  onEnd(): void {
    if (!this.#ended)
      this.fail(
        new TransportError("protocol", "the answer ended without a gRPC status", Code.Internal, "unknown"),
      );
  }

  onFailure(reason: Error, disposition: Disposition, code: number | undefined): void {
    this.#stream = undefined;
    this.fail(code === undefined ? linkError(reason, disposition) : resetError(reason, disposition, code));
  }

  /** Ends the call with an error, which the consumer gets after the messages that have arrived. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    this.#failure = { reason };
    this.#release();
    if (this.#onHead !== undefined) {
      this.#failure = undefined;
      this.#announce({ reason });
      return;
    }
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      this.#failure = undefined;
      reader.reject(reason);
    }
    this.#dismissReaders();
  }

  readonly #onAbort = (): void => {
    // Who aborts has no use for what has arrived.
    this.#queue.length = 0;
    this.fail(abortError(this.#signal, this.#stream?.fate ?? "unsent"));
  };

  onMessage(buffer: Buffer, start: number, end: number): void {
    let message: MessageShape<O>;
    try {
      // The codec was chosen for this method's output.
      message = this.#codec.read(buffer, start, end) as MessageShape<O>;
    } catch (cause) {
      throw new TransportError(
        "protocol",
        "a message of the answer does not decode",
        Code.Internal,
        "unknown",
        cause,
      );
    }
    const bytes = this.#takeBodyBytes();
    const reader = this.#readers.shift();
    if (reader === undefined) {
      this.#queue.push({ message, bytes });
      return;
    }
    this.#giveBack(bytes);
    reader.resolve({ done: false, value: message });
  }

  #messages(): AsyncIterableIterator<MessageShape<O>> {
    const iterator: AsyncIterableIterator<MessageShape<O>> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => this.#next(),
      return: () => {
        this.#queue.length = 0;
        this.#failure = undefined;
        if (!this.#ended) {
          this.#release();
          this.#dismissReaders();
        }
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    return iterator;
  }

  #next(): Promise<IteratorResult<MessageShape<O>>> {
    const arrived = this.#queue.shift();
    if (arrived !== undefined) {
      this.#giveBack(arrived.bytes);
      this.#openForRest();
      return Promise.resolve({ done: false, value: arrived.message });
    }
    if (this.#failure !== undefined) {
      const { reason } = this.#failure;
      this.#failure = undefined; // thrown once
      return Promise.reject(reason);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  #finish(trailers: HeaderFields): void {
    const error = readStatus(trailers);
    copy(trailers, this.#trailer);
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    if (this.#reader?.between === false) {
      this.fail(
        new TransportError(
          "protocol",
          "the answer ends in the middle of a message",
          Code.Internal,
          "unknown",
        ),
      );
      return;
    }
    if (this.#ended) return;
    this.#release();
    this.#announce(undefined);
    this.#dismissReaders();
  }

  #announce(failure: { readonly reason: unknown } | undefined): void {
    const onHead = this.#onHead;
    this.#onHead = undefined;
    onHead?.(failure);
  }

  /** A message larger than the window could never arrive if its beginning kept the window shut. */
  #openForRest(): void {
    if (this.#reader?.between === false && this.#queue.length === 0) this.#giveBack(this.#takeBodyBytes());
  }

  #takeBodyBytes(): number {
    const bytes = this.#bodyBytes;
    this.#bodyBytes = 0;
    return bytes;
  }

  #giveBack(bytes: number): void {
    if (this.#stream !== undefined && bytes > 0) this.#connection?.taken(this.#stream, bytes);
  }

  #dismissReaders(): void {
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  #release(): void {
    this.#ended = true;
    if (this.#deadline !== undefined) this.#deadlines?.remove(this.#deadline);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.#stream !== undefined) connection?.reset(this.#stream, ErrorCode.cancel);
    this.#stopInput?.();
    this.#stopInput = undefined;
  }
}

function copy(fields: HeaderFields, target: Headers): void {
  for (const [name, value] of toHeaders(fields)) target.append(name, value);
}
