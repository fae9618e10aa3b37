import type { Clock } from "../clock.js";
import { HeaderDecoder, type HeaderFields } from "../hpack/header-decoder.js";
import type { HeaderEncoder } from "../hpack/header-encoder.js";
import type { Keepalive } from "../keepalive.js";
import type { FloodGuard } from "./flood-guard.js";
import { ConnectionViolation, ErrorCode, errorName, Flag, FrameType, StreamViolation } from "./frame.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";
import { type HeaderBlockSink, HeaderBlocks, maxHeaderListBytes } from "./header-blocks.js";
import type { OutgoingData } from "./outgoing-data.js";
import type { Output } from "./output.js";
import { PaddedData } from "./padded-data.js";
import type { ServerSettings } from "./server-settings.js";
import { maxWindowBytes, type Stream, unlessAnswered } from "./stream.js";
import type { StreamTable } from "./stream-table.js";

/** How much the server may send ahead on all streams together; announced at the start. */
export const connectionWindowBytes: number = 16 * 1024 * 1024;
// The largest frame or header block takes that long only on a link on which nothing else would get through in time.
const longestFrameMs = 10_000;
const largestId = 2 ** 31 - 1;

/** The connection as what arrives sees it: what it reads and changes, and what it asks for. */
export interface ReceivingConnection {
  readonly clock: Clock;
  readonly streams: StreamTable;
  readonly output: Output;
  readonly data: OutgoingData;
  readonly server: ServerSettings;
  readonly encoder: HeaderEncoder;
  readonly keepalive: Keepalive;
  readonly flood: FloodGuard;
  /** Whether this stream, or a later one, was ever opened. */
  wasOpened(streamId: number): boolean;
  /** Takes a stream out that the server has ended; `false` when it was out already. */
  remove(stream: Stream): boolean;
  /** Takes a stream out and tells the server. */
  reset(stream: Stream, code: number): void;
  /** Bytes of a stream have been taken: the server may send as many more. */
  taken(stream: Stream, bytes: number): void;
  /** Takes no new requests from now on. */
  drain(reason: Error): void;
  /** The server's settings are in force: its first ones, with which the connection opens, or later ones. */
  onSettings(isFirst: boolean): void;
}

/**
 * What arrives on a connection: takes the server's bytes apart and does what its frames say (RFC 9113, 6). Whatever breaks
 * the protocol for the whole connection is thrown, as a {@link ConnectionViolation}; what breaks it for one stream ends that
 * stream.
 */
export class Inbox implements FrameSink, HeaderBlockSink {
  readonly #connection: ReceivingConnection;
  readonly #reader: FrameReader;
  readonly #headers: HeaderBlocks;
  readonly #decoder = new HeaderDecoder(maxHeaderListBytes);
  readonly #padding = new PaddedData();
  /** Whether the server has said its settings, which come first. */
  #greeted = false;
  #receiveWindow = connectionWindowBytes;
  #unreturned = 0;

  constructor(connection: ReceivingConnection) {
    this.#connection = connection;
    this.#reader = new FrameReader(this, connection.clock);
    this.#headers = new HeaderBlocks(this, connection.clock);
  }

  /**
   * Takes bytes from the server.
   *
   * @throws {@link ConnectionViolation}
   */
  read(chunk: Buffer): void {
    this.#reader.read(chunk);
    this.#refuseDrip();
  }

  /** Takes nothing more, not even the rest of the bytes that are being read. */
  stop(): void {
    this.#reader.stop();
  }

  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (!this.#greeted && type !== FrameType.settings) {
      throw new ConnectionViolation(ErrorCode.protocolError, "the first frame is not SETTINGS");
    }
    if (this.#headers.begun && type !== FrameType.continuation) {
      throw new ConnectionViolation(ErrorCode.protocolError, "a header block that is interrupted");
    }
    switch (type) {
      case FrameType.headers:
        this.#headers.onHeaders(flags, streamId, buffer, start, end);
        break;
      case FrameType.continuation:
        this.#headers.onContinuation(flags, streamId, buffer, start, end);
        break;
      case FrameType.rstStream:
        this.#onReset(streamId, buffer, start, end);
        break;
      case FrameType.settings:
        this.#onSettings(flags, streamId, buffer, start, end);
        break;
      case FrameType.ping:
        this.#onPing(flags, streamId, buffer, start, end);
        break;
      case FrameType.goaway:
        this.#onGoaway(streamId, buffer, start, end);
        break;
      case FrameType.windowUpdate:
        this.#onWindowUpdate(streamId, buffer, start, end);
        break;
      case FrameType.pushPromise:
        throw new ConnectionViolation(ErrorCode.protocolError, "a push, which was not permitted");
      default: // PRIORITY says nothing to a client; unknown types are ignored (RFC 9113, 4.1).
        this.#connection.flood.count("meaningless");
    }
  }

  onData(
    flags: number,
    streamId: number,
    length: number,
    frameStart: boolean,
    frameEnd: boolean,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    if (!this.#greeted || this.#headers.begun || streamId === 0) {
      throw new ConnectionViolation(ErrorCode.protocolError, "DATA where there may be none");
    }
    const stream = this.#connection.streams.get(streamId);
    if (frameStart) {
      if (stream === undefined && !this.#connection.wasOpened(streamId)) {
        throw new ConnectionViolation(ErrorCode.protocolError, "DATA on a stream that was never opened");
      }
      if (length === 0 && (flags & Flag.endStream) === 0) this.#connection.flood.count("empty DATA");
      this.#receiveWindow -= length;
      if (this.#receiveWindow < 0) {
        throw new ConnectionViolation(ErrorCode.flowControlError, "more data than the window allows");
      }
      this.#returnToConnection(length);
      if (stream !== undefined) {
        stream.receiveWindow -= length;
        if (stream.receiveWindow < 0) {
          this.#failStream(stream, ErrorCode.flowControlError, "more data than the stream's window allows");
          return;
        }
        if (!stream.headed) {
          this.#failStream(stream, ErrorCode.protocolError, "DATA before the headers");
          return;
        }
      }
    }
    if (stream === undefined) return; // of a stream that we have reset
    const { handler } = stream;
    this.#padding.piece(flags, length, frameStart, buffer, start, end);
    const content = this.#padding.end - this.#padding.start;
    // Padding is nothing that a consumer could take.
    const toReturn = stream.traits.returnsAtOnce ? end - start : end - start - content;
    if (content > 0) handler.onData(buffer, this.#padding.start, this.#padding.end);
    if (frameEnd && (flags & Flag.endStream) !== 0) {
      if (this.#connection.remove(stream)) this.#endedByServer(stream);
    } else if (toReturn > 0) {
      this.#connection.taken(stream, toReturn);
    }
  }

  onHeaderBlock(streamId: number, endStream: boolean, buffer: Buffer, start: number, end: number): void {
    const fields = this.#decoder.decode(buffer, start, end);
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      if (!this.#connection.wasOpened(streamId)) {
        throw new ConnectionViolation(ErrorCode.protocolError, "HEADERS on a stream that was never opened");
      }
      this.#connection.flood.countLate("useless HEADERS");
      return;
    }
    // An interim response (RFC 9113, 8.1) says nothing to a gRPC client.
    if (!(stream.headed || endStream) && isInterim(fields)) {
      this.#connection.flood.count("interim HEADERS");
      return;
    }
    if (stream.headed && !endStream) {
      this.#failStream(stream, ErrorCode.protocolError, "trailers that do not end the stream");
      return;
    }
    stream.headed = true;
    const ended = endStream && this.#connection.remove(stream);
    stream.handler.onHeaders(fields, endStream);
    if (ended) this.#endedByServer(stream);
  }

  #onReset(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4)
      throw new ConnectionViolation(ErrorCode.frameSizeError, "RST_STREAM of an odd length");
    if (streamId === 0 || !this.#connection.wasOpened(streamId)) {
      throw new ConnectionViolation(ErrorCode.protocolError, "RST_STREAM of a stream that was never opened");
    }
    const stream = this.#connection.streams.get(streamId);
    if (stream === undefined) {
      this.#connection.flood.countLate("RST_STREAM");
      return;
    }
    const code = buffer.readUInt32BE(start);
    this.#connection.remove(stream);
    const refused = code === ErrorCode.refusedStream;
    stream.handler.onFailure(
      new Error(`the server reset the stream (${errorName(code)})`),
      unlessAnswered(stream, refused ? "refused" : "unknown"),
      code,
    );
  }

  #onSettings(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionViolation(ErrorCode.protocolError, "SETTINGS on a stream");
    this.#connection.flood.count("SETTINGS");
    if ((flags & Flag.ack) !== 0) {
      if (end > start)
        throw new ConnectionViolation(ErrorCode.frameSizeError, "SETTINGS that acknowledge and set");
      if (!this.#greeted)
        throw new ConnectionViolation(ErrorCode.protocolError, "the first SETTINGS acknowledges");
      return;
    }
    const windowBefore = this.#connection.server.initialWindowBytes;
    this.#connection.server.read(buffer, start, end);
    this.#connection.encoder.setTableSize(this.#connection.server.headerTableSize);
    const change = this.#connection.server.initialWindowBytes - windowBefore;
    if (change !== 0) this.#connection.data.resizeWindows(this.#connection.streams.list(), change);
    this.#connection.output.frames.settingsAck();
    this.#connection.output.answer();
    const isFirst = !this.#greeted;
    this.#greeted = true;
    this.#connection.onSettings(isFirst);
  }

  #onPing(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionViolation(ErrorCode.protocolError, "PING on a stream");
    if (end - start !== 8) throw new ConnectionViolation(ErrorCode.frameSizeError, "PING of an odd length");
    this.#connection.flood.count("PING");
    if ((flags & Flag.ack) !== 0) return; // that something was heard is all there is to it
    this.#connection.output.frames.ping(buffer.subarray(start, end), true);
    this.#connection.output.answer();
  }

  #onGoaway(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0 || end - start < 8)
      throw new ConnectionViolation(ErrorCode.protocolError, "GOAWAY out of shape");
    const last = buffer.readUInt32BE(start) & largestId;
    const code = buffer.readUInt32BE(start + 4);
    if (code === ErrorCode.enhanceYourCalm) this.#connection.keepalive.slowDown();
    const reason = new Error(`the server is going away (${errorName(code)})`);
    // First of all, so that nothing is put where a refused stream leaves room.
    this.#connection.drain(reason);
    for (const stream of this.#connection.streams.list()) {
      if (stream.id <= last) continue;
      this.#connection.remove(stream);
      stream.handler.onFailure(reason, unlessAnswered(stream, "refused"), undefined);
    }
  }

  #onWindowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4)
      throw new ConnectionViolation(ErrorCode.frameSizeError, "WINDOW_UPDATE of an odd length");
    const increment = buffer.readUInt32BE(start) & largestId;
    if (streamId === 0) {
      if (increment === 0)
        throw new ConnectionViolation(ErrorCode.protocolError, "a WINDOW_UPDATE of nothing");
      this.#connection.data.enlargeWindow(increment);
    } else {
      if (!this.#connection.wasOpened(streamId)) {
        throw new ConnectionViolation(
          ErrorCode.protocolError,
          "WINDOW_UPDATE of a stream that was never opened",
        );
      }
      const stream = this.#connection.streams.get(streamId);
      if (stream === undefined) return;
      if (increment === 0) {
        this.#failStream(stream, ErrorCode.protocolError, "a WINDOW_UPDATE of nothing");
        return;
      }
      stream.sendWindow += increment;
      if (stream.sendWindow > maxWindowBytes) {
        this.#failStream(stream, ErrorCode.flowControlError, "a window that overflows");
        return;
      }
    }
    this.#connection.data.resume();
  }

  #endedByServer(stream: Stream): void {
    // The rest of the request interests nobody (RFC 9113, 8.1).
    if (!stream.localClosed) {
      this.#connection.output.frames.rstStream(stream.id, ErrorCode.noError);
      this.#connection.output.schedule();
    }
    stream.handler.onEnd();
  }

  #failStream(stream: Stream, code: number, message: string): void {
    this.#connection.reset(stream, code);
    stream.handler.onFailure(new StreamViolation(code, message), "unknown", undefined);
  }

  /**
   * A server that says one frame byte by byte is never silent, and never says anything. DATA may take its time: it is
   * passed on as it comes, and bounded by the deadline of its call.
   */
  #refuseDrip(): void {
    const since = this.#headers.since ?? this.#reader.heldSince;
    if (since === undefined || this.#connection.clock.now() - since <= longestFrameMs) return;
    throw new ConnectionViolation(
      ErrorCode.enhanceYourCalm,
      `a frame that is not complete after ${longestFrameMs / 1_000} s`,
    );
  }

  #returnToConnection(bytes: number): void {
    this.#unreturned += bytes;
    if (this.#unreturned < connectionWindowBytes / 2) return;
    this.#connection.output.frames.windowUpdate(0, this.#unreturned);
    this.#receiveWindow += this.#unreturned;
    this.#unreturned = 0;
    this.#connection.output.schedule();
  }
}

function isInterim(fields: HeaderFields): boolean {
  const status = fields[0];
  return status !== undefined && status[0] === ":status" && status[1].startsWith("1");
}
