import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../clock.js";
import type { HeaderFields } from "../hpack/header-decoder.js";
import { HeaderEncoder } from "../hpack/header-encoder.js";
import { Keepalive, type KeepalivePace, type KeepaliveTimes } from "../keepalive.js";
import { FloodGuard } from "./flood-guard.js";
import { describeForeignServer } from "./foreign-server.js";
import { ConnectionViolation, Setting } from "./frame.js";
import { maxHeaderListBytes } from "./header-blocks.js";
import { connectionWindowBytes, Inbox } from "./inbox.js";
import { OutgoingData } from "./outgoing-data.js";
import { Output } from "./output.js";
import { ServerSettings } from "./server-settings.js";
import {
  defaultWindowBytes,
  Stream,
  type StreamHandler,
  type StreamTraits,
  unlessAnswered,
} from "./stream.js";
import { StreamTable } from "./stream-table.js";

// Large enough that the link, not the window, is the limit.
const streamWindowBytes = 1024 * 1024;
const lastStreamId = 2 ** 31 - 1;
const firstBytesKept = 64;
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
 *
 * What the server's frames do is in {@link Inbox}.
 */
export class Http2Connection {
  /** Its number among all connections of the process. */
  readonly id: number = ++connections;
  readonly #socket: Duplex;
  readonly #owner: ConnectionOwner;
  readonly #inbox: Inbox;
  readonly #output: Output;
  /** What the requests carry. */
  readonly data: OutgoingData;
  readonly #encoder = new HeaderEncoder();
  readonly #server = new ServerSettings();
  readonly #flood: FloodGuard;
  readonly #keepalive: Keepalive;
  readonly #streams = new StreamTable();
  /** Streams that are not in the background: they keep the process alive. */
  #awaited = 0;
  #ready = false;
  #draining = false;
  #closed = false;
  #nextId = 1;
  /** What the server said before its first settings, to tell what it is when it says something else. */
  #firstBytes: Buffer | undefined = Buffer.alloc(0);

  constructor(socket: Duplex, setup: ConnectionSetup, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
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
    this.#inbox = new Inbox({
      clock: setup.clock,
      streams: this.#streams,
      output: this.#output,
      data: this.data,
      server: this.#server,
      encoder: this.#encoder,
      keepalive: this.#keepalive,
      flood: this.#flood,
      wasOpened: (streamId) => streamId < this.#nextId,
      remove: (stream) => this.#remove(stream),
      reset: (stream, code) => this.reset(stream, code),
      taken: (stream, bytes) => this.taken(stream, bytes),
      drain: (reason) => this.drain(reason),
      onSettings: (isFirst) => this.#onSettings(isFirst),
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
    this.#output.frames.headers(id, headerBlock);
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
    this.#inbox.stop();
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
      this.#inbox.read(chunk);
    } catch (error) {
      this.#violated(error);
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

  #onSettings(isFirst: boolean): void {
    if (!isFirst) {
      this.#owner.onRoom(); // the limit of streams may have risen
      return;
    }
    this.#ready = true;
    this.#firstBytes = undefined;
    (this.#socket as Partial<Socket>).unref?.();
    this.#owner.onReady();
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
