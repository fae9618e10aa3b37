import type { Disposition } from "../disposition.js";
import type { HeaderFields } from "../hpack/header-decoder.js";

/** What happens to one stream, in order; after `onEnd` or `onFailure` nothing more does. */
export interface StreamHandler {
  /** A header block: the response's head, or its trailers when `end`. */
  onHeaders(fields: HeaderFields, end: boolean): void;
  /** Part of the response's body, in a buffer that is only lent. `end`: there is no more, not even trailers. */
  onData(buffer: Buffer, start: number, end: number): void;
  /** The server is done. */
  onEnd(): void;
  /** The stream ended before the server was done: reset by `code`, or with its connection (`code` undefined). */
  onFailure(reason: Error, disposition: Disposition, code: number | undefined): void;
}

/** How a stream is to be treated. */
export interface StreamTraits {
  /** Whether received bytes go back to the window at once, or when the consumer has taken them. */
  readonly returnsAtOnce: boolean;
  /** Whether the stream is upkeep that must not keep the process alive. */
  readonly background: boolean;
}

/** The window of a connection, and that of a stream before the server's settings say otherwise (RFC 9113, 6.9.2). */
export const defaultWindowBytes = 65_535;
/** No window may be larger (RFC 9113, 6.9.1). */
export const maxWindowBytes: number = 2 ** 31 - 1;

/** A part of the request that flow control holds back. */
interface HeldData {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: boolean;
  readonly onSent: (() => void) | undefined;
}

/**
 * One stream of a connection (RFC 9113, 5.1), from the client's side: it is open once its HEADERS is written, half-closed
 * (local) once END_STREAM is, and closed when the server's END_STREAM has arrived or either side has reset it.
 */
export class Stream {
  readonly id: number;
  readonly handler: StreamHandler;
  /** Bytes of DATA that the server will take (RFC 9113, 5.2); may be negative after a change of settings. */
  sendWindow: number;
  /** Bytes of DATA that the server may still send. */
  receiveWindow: number;
  /** Bytes that were received and have not been given back to the window. */
  unreturned = 0;
  readonly traits: StreamTraits;
  localClosed = false;
  /** Whether a header block of the response has arrived. */
  headed = false;
  /** Position in the connection's output behind the first message; Infinity while that is not complete. */
  completeAt: number = Number.POSITIVE_INFINITY;
  readonly held: HeldData[] = [];

  constructor(
    id: number,
    handler: StreamHandler,
    windows: { readonly send: number; readonly receive: number },
    traits: StreamTraits,
  ) {
    this.id = id;
    this.handler = handler;
    this.sendWindow = windows.send;
    this.receiveWindow = windows.receive;
    this.traits = traits;
  }

  /** What is known of the request if this side ends the stream now: nobody acts on one whose end he never gets. */
  get fate(): Disposition {
    return this.completeAt === Number.POSITIVE_INFINITY && !this.headed ? "unsent" : "unknown";
  }
}

/** A server that has begun to answer has seen the request, whatever it says afterwards. */
export function unlessAnswered(stream: Stream, disposition: Disposition): Disposition {
  return stream.headed ? "unknown" : disposition;
}
