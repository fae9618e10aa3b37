import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../clock.js";
import type { Disposition } from "../disposition.js";
import { HeaderDecoder, type HeaderFields } from "../hpack/header-decoder.js";
import { HeaderEncoder } from "../hpack/header-encoder.js";
import { Keepalive, type KeepalivePace, type KeepaliveTimes } from "../keepalive.js";
import { FloodGuard } from "./flood-guard.js";
import { describeForeignServer } from "./foreign-server.js";
import {
  ConnectionViolation,
  defaultMaxFrameBytes,
  ErrorCode,
  errorName,
  Flag,
  FrameType,
  Setting,
  StreamViolation,
} from "./frame.js";
import { FrameReader, type FrameSink } from "./frame-reader.js";
import { type HeaderBlockSink, HeaderBlocks, maxHeaderListBytes } from "./header-blocks.js";
import { OutgoingData } from "./outgoing-data.js";
import { Output } from "./output.js";
import { PaddedData } from "./padded-data.js";
import { ServerSettings } from "./server-settings.js";
import {
  defaultWindowBytes,
  maxWindowBytes,
  Stream,
  type StreamHandler,
  type StreamTraits,
} from "./stream.js";
import { StreamTable } from "./stream-table.js";

// Large enough that the link, not the window, is the limit; the connection's is shared by all streams.
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
const lastStreamId = 2 ** 31 - 1;
const firstBytesKept = 64;
// The largest frame or header block takes that long only on a link on which nothing else would get through in time.
const longestFrameMs = 10_000;
let connections = 0;

/** What a connection tells its owner. */
export interface ConnectionOwner {
  /** The server's first settings have arrived: requests may go out. */
  onReady(): void;
  /** No new requests from now on; those under way go on. */
  onDraining(reason: Error): void;
  /** There may be room for another stream. */
  onRoom(): void;
  /** Everything has ended. */
  onClosed(reason: Error): void;
}

/** How a connection behaves. */
export interface ConnectionSetup {
  readonly keepAlive: KeepaliveTimes | false;
  /** Shared by the connections to one server: one that was told to ping less tells its successors. */
  readonly pace: KeepalivePace;
  readonly clock: Clock;
}

/**
 * The client's end of one HTTP/2 connection (RFC 9113), straight on a socket.
 *
 * It lives through three states. *Starting*: preface and settings are out, the server's SETTINGS is awaited. *Open*:
 * streams come and go. *Draining*: after GOAWAY, `drain` or the last stream id, no new streams; when the last one ends,
 * so does the connection. A violation, an error of the socket or its end closes the connection from any state.
 */
export class Http2Connection implements FrameSink, HeaderBlockSink {
  /** Its number among all connections of the process. */
  readonly id: number = ++connections;
  readonly #socket: Duplex;
  readonly #owner: ConnectionOwner;
  readonly #clock: Clock;
  readonly #reader: FrameReader;
  readonly #output: Output;
  /** What the requests carry. */
  readonly data: OutgoingData;
  readonly #headers: HeaderBlocks;
  readonly #decoder = new HeaderDecoder(maxHeaderListBytes);
  readonly #encoder = new HeaderEncoder();
  readonly #server = new ServerSettings();
  readonly #flood: FloodGuard;
  readonly #keepalive: Keepalive;
  readonly #streams = new StreamTable();
  readonly #padding = new PaddedData();
  /** Streams that are not in the background: they keep the process alive. */
  #awaited = 0;
  #ready = false;
  #draining = false;
  #closed = false;
  #nextId = 1;
  #receiveWindow = connectionWindowBytes;
  #unreturned = 0;
  /** What the server said before its first settings, to tell what it is when it says something else. */
  #firstBytes: Buffer | undefined = Buffer.alloc(0);

  constructor(socket: Duplex, setup: ConnectionSetup, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#clock = setup.clock;
    this.#reader = new FrameReader(this, setup.clock);
    this.#headers = new HeaderBlocks(this, setup.clock);
    this.#output = new Output(socket, () => {
      this.data.resume();
      owner.onRoom();
    });
    this.data = new OutgoingData(this.#output, setup.clock);
    this.#flood = new FloodGuard(setup.clock);
    this.#keepalive = new Keepalive(setup.keepAlive, setup.pace, setup.clock, {
      ping: () => this.#ping(),
      dead: (silenceMs) =>
        this.close(new Error(`the server has been silent for ${Math.round(silenceMs)} ms`)),
    });
    socket.on("data", (chunk: Buffer) => this.read(chunk));
    socket.on("error", (error) => this.#lost(error));
    socket.on("end", () => this.#lost(new Error(this.#farewell)));
    socket.on("close", () => this.#lost(new Error("the connection was closed")));
    this.#greet();
  }

  /** Whether new requests may be opened, as far as the state goes; see {@link full}. */
  get open(): boolean {
    return this.#ready && !this.#draining && !this.#closed;
  }

  /** Whether the server's limit of streams is reached, or our own of bytes that wait to be sent. */
  get full(): boolean {
    return this.#streams.size >= this.#server.maxConcurrentStreams || this.#output.backlogged;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Changes when header blocks that were encoded earlier have become useless. */
  get headerGeneration(): number {
    return this.#encoder.generation;
  }

  get keepalive(): Keepalive {
    return this.#keepalive;
  }

  encodeHeaders(fields: HeaderFields, secret: ReadonlySet<string>): Buffer {
    return this.#encoder.encode(fields, secret);
  }

  /** Opens a stream. Only while {@link open} and not {@link full}. */
  request(handler: StreamHandler, headerBlock: Buffer, traits: StreamTraits): Stream {
    const id = this.#nextId;
    this.#nextId += 2;
    const windows = { send: this.#server.initialWindowBytes, receive: streamWindowBytes };
    const stream = new Stream(id, handler, windows, traits);
    if (this.#streams.size === 0) this.#keepalive.streams(1);
    if (!traits.background && ++this.#awaited === 1) (this.#socket as Partial<Socket>).ref?.();
    this.#streams.add(stream);
    this.#writeHeaders(id, headerBlock);
    this.#output.schedule();
    // Stream ids are used up after a billion requests; the next ones need another connection (RFC 9113, 5.1.1).
    if (this.#nextId > lastStreamId) this.drain(new Error("the connection has used up its stream ids"));
    return stream;
  }

  /** Sends DATA as flow control permits. `onSent` is called when all of it has been written. */
  send(stream: Stream, bytes: Uint8Array, end: boolean, onSent?: () => void): void {
    if (stream.localClosed || this.#streams.get(stream.id) === undefined) return;
    this.data.send(stream, bytes, end, onSent);
  }

  /** Takes a stream out and tells the server, unless it is done. */
  reset(stream: Stream, code: number): void {
    const isStuck = this.data.isStuck(stream);
    if (!this.#remove(stream)) return;
    this.#flood.excuse();
    this.#output.frames.rstStream(stream.id, code);
    this.#output.schedule();
    // It still answers pings, and yet no request would ever get through.
    if (isStuck) this.drain(new Error("the server takes no more data on this connection"));
  }

  /** The consumer of a stream has taken `bytes`: the server may send as many more. */
  taken(stream: Stream, bytes: number): void {
    stream.unreturned += bytes;
    if (stream.unreturned < streamWindowBytes / 2 || this.#streams.get(stream.id) === undefined) return;
    this.#output.frames.windowUpdate(stream.id, stream.unreturned);
    stream.receiveWindow += stream.unreturned;
    stream.unreturned = 0;
    this.#output.schedule();
  }

  /** Takes no new requests; closes when those under way are done. */
  drain(reason: Error): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    this.#owner.onDraining(reason);
    if (this.#streams.size === 0) this.close(reason);
  }

  /** Ends everything at once. */
  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.stop();
    this.#output.stop();
    this.#keepalive.stop();
    const streams = this.#streams.list();
    this.#streams.clear();
    this.data.clear();
    this.#socket.destroy();
    for (const stream of streams) {
      const unsent = stream.completeAt > this.#output.handed;
      stream.handler.onFailure(reason, unlessAnswered(stream, unsent ? "unsent" : "unknown"), undefined);
    }
    this.#owner.onClosed(reason);
  }

  /** Takes bytes from the server. */
  read(chunk: Buffer): void {
    if (this.#closed) return;
    this.#keepalive.heard();
    const { length = 0 } = this.#firstBytes ?? {};
    if (this.#firstBytes !== undefined && length < firstBytesKept) {
      this.#firstBytes = Buffer.concat([this.#firstBytes, chunk.subarray(0, firstBytesKept - length)]);
    }
    try {
      this.#reader.read(chunk);
      this.#refuseDrip();
    } catch (error) {
      this.#violated(error);
    }
  }

  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (!this.#ready && type !== FrameType.settings) {
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
        this.#flood.count("meaningless");
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
    if (!this.#ready || this.#headers.begun || streamId === 0) {
      throw new ConnectionViolation(ErrorCode.protocolError, "DATA where there may be none");
    }
    const stream = this.#streams.get(streamId);
    if (frameStart) {
      if (stream === undefined && streamId >= this.#nextId) {
        throw new ConnectionViolation(ErrorCode.protocolError, "DATA on a stream that was never opened");
      }
      if (length === 0 && (flags & Flag.endStream) === 0) this.#flood.count("empty DATA");
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
      if (this.#remove(stream)) this.#endedByServer(stream);
    } else if (toReturn > 0) {
      this.taken(stream, toReturn);
    }
  }

  #greet(): void {
    this.#output.frames.preface();
    this.#output.frames.settings([
      [Setting.headerTableSize, 0],
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, streamWindowBytes],
      [Setting.maxHeaderListSize, maxHeaderListBytes],
    ]);
    this.#output.frames.windowUpdate(0, connectionWindowBytes - defaultWindowBytes);
    this.#output.schedule();
  }

  /** Takes a stream out; `false` when it was out already. */
  #remove(stream: Stream): boolean {
    if (!this.#streams.delete(stream.id)) return false;
    this.data.forget(stream);
    this.#owner.onRoom();
    if (!stream.traits.background && --this.#awaited === 0) (this.#socket as Partial<Socket>).unref?.();
    if (this.#streams.size > 0) return true;
    this.#keepalive.streams(0);
    if (this.#draining) {
      // Not from within a callback of this very connection.
      process.nextTick(() => this.close(new Error("the connection was drained")));
    }
    return true;
  }

  #endedByServer(stream: Stream): void {
    // The rest of the request interests nobody (RFC 9113, 8.1).
    if (!stream.localClosed) {
      this.#output.frames.rstStream(stream.id, ErrorCode.noError);
      this.#output.schedule();
    }
    stream.handler.onEnd();
  }

  #failStream(stream: Stream, code: number, message: string): void {
    this.reset(stream, code);
    stream.handler.onFailure(new StreamViolation(code, message), "unknown", undefined);
  }

  #writeHeaders(id: number, block: Buffer): void {
    const first = Math.min(block.length, defaultMaxFrameBytes);
    this.#output.frames.frameHeader(
      first,
      FrameType.headers,
      first === block.length ? Flag.endHeaders : 0,
      id,
    );
    this.#output.frames.bytes(block, 0, first);
    for (let position = first; position < block.length; ) {
      const next = Math.min(position + defaultMaxFrameBytes, block.length);
      this.#output.frames.frameHeader(
        next - position,
        FrameType.continuation,
        next === block.length ? Flag.endHeaders : 0,
        id,
      );
      this.#output.frames.bytes(block, position, next);
      position = next;
    }
  }

  onHeaderBlock(streamId: number, endStream: boolean, buffer: Buffer, start: number, end: number): void {
    const fields = this.#decoder.decode(buffer, start, end);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (streamId >= this.#nextId) {
        throw new ConnectionViolation(ErrorCode.protocolError, "HEADERS on a stream that was never opened");
      }
      this.#flood.countLate("useless HEADERS");
      return;
    }
    // An interim response (RFC 9113, 8.1) says nothing to a gRPC client.
    if (!(stream.headed || endStream) && isInterim(fields)) {
      this.#flood.count("interim HEADERS");
      return;
    }
    if (stream.headed && !endStream) {
      this.#failStream(stream, ErrorCode.protocolError, "trailers that do not end the stream");
      return;
    }
    stream.headed = true;
    const ended = endStream && this.#remove(stream);
    stream.handler.onHeaders(fields, endStream);
    if (ended) this.#endedByServer(stream);
  }

  #onReset(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4)
      throw new ConnectionViolation(ErrorCode.frameSizeError, "RST_STREAM of an odd length");
    if (streamId === 0 || streamId >= this.#nextId) {
      throw new ConnectionViolation(ErrorCode.protocolError, "RST_STREAM of a stream that was never opened");
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#flood.countLate("RST_STREAM");
      return;
    }
    const code = buffer.readUInt32BE(start);
    this.#remove(stream);
    const refused = code === ErrorCode.refusedStream;
    stream.handler.onFailure(
      new Error(`the server reset the stream (${errorName(code)})`),
      unlessAnswered(stream, refused ? "refused" : "unknown"),
      code,
    );
  }

  #onSettings(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionViolation(ErrorCode.protocolError, "SETTINGS on a stream");
    this.#flood.count("SETTINGS");
    if ((flags & Flag.ack) !== 0) {
      if (end > start)
        throw new ConnectionViolation(ErrorCode.frameSizeError, "SETTINGS that acknowledge and set");
      if (!this.#ready)
        throw new ConnectionViolation(ErrorCode.protocolError, "the first SETTINGS acknowledges");
      return;
    }
    const windowBefore = this.#server.initialWindowBytes;
    this.#server.read(buffer, start, end);
    this.#encoder.setTableSize(this.#server.headerTableSize);
    const change = this.#server.initialWindowBytes - windowBefore;
    if (change !== 0) this.data.resizeWindows(this.#streams.list(), change);
    this.#output.frames.settingsAck();
    this.#output.answer();
    if (this.#ready) {
      this.#owner.onRoom(); // the limit of streams may have risen
      return;
    }
    this.#ready = true;
    this.#firstBytes = undefined;
    (this.#socket as Partial<Socket>).unref?.();
    this.#owner.onReady();
  }

  #onPing(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionViolation(ErrorCode.protocolError, "PING on a stream");
    if (end - start !== 8) throw new ConnectionViolation(ErrorCode.frameSizeError, "PING of an odd length");
    this.#flood.count("PING");
    if ((flags & Flag.ack) !== 0) return; // that something was heard is all there is to it
    this.#output.frames.ping(buffer.subarray(start, end), true);
    this.#output.answer();
  }

  #onGoaway(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0 || end - start < 8)
      throw new ConnectionViolation(ErrorCode.protocolError, "GOAWAY out of shape");
    const last = buffer.readUInt32BE(start) & lastStreamId;
    const code = buffer.readUInt32BE(start + 4);
    if (code === ErrorCode.enhanceYourCalm) this.#keepalive.slowDown();
    const reason = new Error(`the server is going away (${errorName(code)})`);
    // First of all, so that nothing is put where a refused stream leaves room.
    this.drain(reason);
    for (const stream of this.#streams.list()) {
      if (stream.id <= last) continue;
      this.#remove(stream);
      stream.handler.onFailure(reason, unlessAnswered(stream, "refused"), undefined);
    }
  }

  #onWindowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4)
      throw new ConnectionViolation(ErrorCode.frameSizeError, "WINDOW_UPDATE of an odd length");
    const increment = buffer.readUInt32BE(start) & lastStreamId;
    if (streamId === 0) {
      if (increment === 0)
        throw new ConnectionViolation(ErrorCode.protocolError, "a WINDOW_UPDATE of nothing");
      this.data.enlargeWindow(increment);
    } else {
      if (streamId >= this.#nextId) {
        throw new ConnectionViolation(
          ErrorCode.protocolError,
          "WINDOW_UPDATE of a stream that was never opened",
        );
      }
      const stream = this.#streams.get(streamId);
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
    this.data.resume();
  }

  /**
   * A server that says one frame byte by byte is never silent, and never says anything. DATA may take its time: it is
   * passed on as it comes, and bounded by the deadline of its call.
   *
   * @throws {@link ConnectionViolation}
   */
  #refuseDrip(): void {
    const since = this.#headers.since ?? this.#reader.heldSince;
    if (since === undefined || this.#clock.now() - since <= longestFrameMs) return;
    throw new ConnectionViolation(
      ErrorCode.enhanceYourCalm,
      `a frame that is not complete after ${longestFrameMs / 1_000} s`,
    );
  }

  #returnToConnection(bytes: number): void {
    this.#unreturned += bytes;
    if (this.#unreturned < connectionWindowBytes / 2) return;
    this.#output.frames.windowUpdate(0, this.#unreturned);
    this.#receiveWindow += this.#unreturned;
    this.#unreturned = 0;
    this.#output.schedule();
  }

  #ping(): void {
    this.#output.frames.ping(Buffer.alloc(8), false);
    this.#output.schedule();
  }

  /** A server that wants TLS often says nothing to one who does not offer it, and hangs up. */
  get #farewell(): string {
    const isWordless = this.#firstBytes?.length === 0 && !("encrypted" in this.#socket);
    return `the server closed the connection${isWordless ? " without a word; it may expect TLS" : ""}`;
  }

  /** The connection ended by itself, which may be the way of a server that takes HTTP/2 for nonsense. */
  #lost(reason: Error): void {
    const foreign = this.#firstBytes === undefined ? undefined : describeForeignServer(this.#firstBytes);
    this.close(foreign === undefined ? reason : protocolError(foreign, reason));
  }

  #violated(error: unknown): void {
    if (!(error instanceof ConnectionViolation)) {
      this.close(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const foreign = this.#firstBytes === undefined ? undefined : describeForeignServer(this.#firstBytes);
    if (foreign !== undefined) {
      this.close(protocolError(foreign, error));
      return;
    }
    // Says why before it hangs up (RFC 9113, 5.4.1).
    this.#output.frames.goaway(0, error.code);
    this.#output.flush();
    this.close(protocolError(`the server broke HTTP/2: ${error.message}`, error));
  }
}

function protocolError(message: string, cause: Error): Error {
  return Object.assign(new Error(message, { cause }), { kind: "protocol" });
}

/** A server that has begun to answer has seen the request, whatever it says afterwards. */
function unlessAnswered(stream: Stream, disposition: Disposition): Disposition {
  return stream.headed ? "unknown" : disposition;
}

function isInterim(fields: HeaderFields): boolean {
  const status = fields[0];
  return status !== undefined && status[0] === ":status" && status[1].startsWith("1");
}
