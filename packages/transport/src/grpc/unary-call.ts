import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryResponse } from "@connectrpc/connect";
import type { MessageCodec } from "../codec.js";
import type { Deadline, Deadlines } from "../deadlines.js";
import type { Disposition } from "../disposition.js";
import type { HeaderFields } from "../hpack/header-decoder.js";
import type { Http2Connection } from "../http2/connection.js";
import { ErrorCode } from "../http2/frame.js";
import type { Stream, StreamHandler } from "../http2/stream.js";
import { linkError, TransportError } from "../transport-error.js";
import { isWholeMessage, MessageReader, type MessageSink, prefixBytes } from "./message-reader.js";
import { hasStatus, readHead, readStatus, toHeaders } from "./response-head.js";

/** The answer to a unary call. Headers are built when somebody looks at them. */
export class UnaryAnswer<I extends DescMessage, O extends DescMessage> implements UnaryResponse<I, O> {
  readonly stream = false as const;
  readonly method: DescMethodUnary<I, O>;
  readonly message: MessageShape<O>;
  readonly #head: HeaderFields;
  readonly #trailers: HeaderFields;
  #header: Headers | undefined;
  #trailer: Headers | undefined;

  constructor(
    method: DescMethodUnary<I, O>,
    message: MessageShape<O>,
    head: HeaderFields,
    trailers: HeaderFields,
  ) {
    this.method = method;
    this.message = message;
    this.#head = head;
    this.#trailers = trailers;
  }

  get service(): DescMethodUnary<I, O>["parent"] {
    return this.method.parent;
  }

  get header(): Headers {
    this.#header ??= toHeaders(this.#head);
    return this.#header;
  }

  get trailer(): Headers {
    this.#trailer ??= toHeaders(this.#trailers);
    return this.#trailer;
  }
}

const noFields: HeaderFields = [];

/** One unary call on its stream: collects the one answer and the status, and settles the promise once. */
export class UnaryCall<I extends DescMessage, O extends DescMessage> implements StreamHandler, MessageSink {
  readonly promise: Promise<UnaryResponse<I, O>>;
  readonly #method: DescMethodUnary<I, O>;
  readonly #codec: MessageCodec;
  readonly #maxBytes: number;
  #resolve: (answer: UnaryResponse<I, O>) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #connection: Http2Connection | undefined;
  #stream: Stream | undefined;
  #signal: AbortSignal | undefined;
  #deadlines: Deadlines | undefined;
  #deadline: Deadline | undefined;
  #head: HeaderFields = noFields;
  #gzip = false;
  /** Only for an answer that does not arrive in one piece, which is rare. */
  #reader: MessageReader | undefined;
  #message: MessageShape<O> | undefined;
  #settled = false;

  constructor(method: DescMethodUnary<I, O>, codec: MessageCodec, maxBytes: number) {
    this.#method = method;
    this.#codec = codec;
    this.#maxBytes = maxBytes;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Ends the call when `signal` aborts or its time is up, also before it has a stream. */
  limit(signal: AbortSignal | undefined, timeoutMs: number | undefined, deadlines: Deadlines): void {
    this.#deadlines = deadlines;
    if (timeoutMs !== undefined) this.#deadline = deadlines.add(timeoutMs, this);
    if (signal === undefined) return;
    this.#signal = signal;
    signal.addEventListener("abort", this, { once: true });
    if (signal.aborted) this.handleEvent();
  }

  /** The call is on its way. */
  begin(connection: Http2Connection, stream: Stream): void {
    this.#connection = connection;
    this.#stream = stream;
    connection.keepalive.waiting(1);
  }

  get settled(): boolean {
    return this.#settled;
  }

  onDeadline(): void {
    this.fail(deadlineError(this.#stream));
  }

  onHeaders(fields: HeaderFields, end: boolean): void {
    try {
      if (end) {
        if (this.#head === noFields && !hasStatus(fields)) readHead(fields); // throws unless it is gRPC at all
        this.#finish(fields);
        return;
      }
      this.#head = fields;
      this.#gzip = readHead(fields).gzip;
    } catch (error) {
      this.fail(error);
    }
  }

  onData(buffer: Buffer, start: number, end: number): void {
    try {
      if (this.#reader === undefined && isWholeMessage(buffer, start, end, this.#maxBytes)) {
        this.onMessage(buffer, start + prefixBytes, end);
        return;
      }
      this.#reader ??= new MessageReader(this.#maxBytes, this.#gzip, this);
      this.#reader.read(buffer, start, end);
    } catch (error) {
      this.fail(error);
    }
  }

  onEnd(): void {
    // Trailers have settled the call already, if there were any.
    if (!this.#settled) this.fail(broken("ended without a gRPC status"));
  }

  onFailure(reason: Error, disposition: Disposition, code: number | undefined): void {
    this.#stream = undefined;
    this.fail(code === undefined ? linkError(reason, disposition) : resetError(reason, disposition, code));
  }

  /** Rejects the call and, if it is still there, resets its stream. */
  fail(reason: unknown): void {
    if (this.#settled) return;
    this.#release();
    this.#reject(reason);
  }

  /** The caller's signal has aborted. */
  handleEvent(): void {
    this.fail(abortError(this.#signal, this.#stream?.fate ?? "unsent"));
  }

  onMessage(buffer: Buffer, start: number, end: number): void {
    if (this.#message !== undefined) throw broken("has a second message");
    try {
      // The codec was chosen for this method's output.
      this.#message = this.#codec.read(buffer, start, end) as MessageShape<O>;
    } catch (cause) {
      throw broken("does not decode", cause);
    }
  }

  #finish(trailers: HeaderFields): void {
    const error = readStatus(trailers);
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    if (this.#reader?.between === false) {
      this.fail(broken("ends in the middle of a message"));
      return;
    }
    if (this.#message === undefined) {
      this.fail(broken("has no message"));
      return;
    }
    if (this.#settled) return;
    this.#release();
    this.#resolve(new UnaryAnswer(this.#method, this.#message, this.#head, trailers));
  }

  #release(): void {
    this.#settled = true;
    if (this.#deadline !== undefined) this.#deadlines?.remove(this.#deadline);
    this.#signal?.removeEventListener("abort", this);
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.keepalive.waiting(-1);
    if (this.#stream !== undefined) connection.reset(this.#stream, ErrorCode.cancel);
  }
}

function broken(what: string, cause?: unknown): TransportError {
  return new TransportError("protocol", `the answer ${what}`, Code.Internal, "unknown", cause);
}

/** The error of an aborted call; its cause is the reason that the caller gave. */
export function abortError(signal: AbortSignal | undefined, disposition: Disposition): ConnectError {
  const error = new ConnectError("the call was aborted", Code.Canceled, undefined, undefined, signal?.reason);
  return Object.assign(error, { disposition });
}

/** The error of a call whose time is up: while it waited for a stream, before all of it was sent, or after. */
export function deadlineError(stream: Stream | undefined): TransportError {
  const disposition = stream?.fate ?? "unsent";
  const waited =
    stream === undefined
      ? " while it waited for the server's limit of streams"
      : " before the server took the whole request";
  const text = `the deadline of the call has passed${disposition === "unsent" ? waited : ""}`;
  return new TransportError("deadline", text, Code.DeadlineExceeded, disposition);
}

// gRPC over HTTP/2, "Errors".
const codeByReset: ReadonlyMap<number, Code> = new Map([
  [ErrorCode.refusedStream, Code.Unavailable],
  [ErrorCode.cancel, Code.Canceled],
  [ErrorCode.enhanceYourCalm, Code.ResourceExhausted],
  [ErrorCode.inadequateSecurity, Code.PermissionDenied],
]);

/** The error of a stream that the server reset. */
export function resetError(reason: Error, disposition: Disposition, code: number): TransportError {
  return new TransportError(
    "link",
    reason.message,
    codeByReset.get(code) ?? Code.Internal,
    disposition,
    reason,
  );
}
