import { connect, type Socket } from "node:net";
import { Flag, FrameType, frame, frameHeaderBytes, type PreparedRequest, preface } from "./frames.js";

/** A request that was sent, until the end of its answer. */
interface Call {
  bytes: number;
  readonly resolve: (bytes: number) => void;
  readonly reject: (reason: Error) => void;
}

interface Waiting {
  readonly request: PreparedRequest;
  readonly call: Call;
}

// A request must fit into the window that a stream has before any WINDOW_UPDATE (RFC 9113, 6.9.2).
const initialWindowBytes = 65_535;
const largestWindowBytes = 2 ** 31 - 1;
const topUpBytes = 2 ** 28;
const outputBytes = 256 * 1024;

/**
 * The least that a client of HTTP/2 can do: it copies prepared frames into one write per turn of the event loop, and
 * waits for the end of each stream without looking at what the frames hold. It knows one server, which behaves.
 */
export class RawConnection {
  readonly #socket: Socket;
  readonly #calls = new Map<number, Call>();
  readonly #waiting: Waiting[] = [];
  #output = Buffer.allocUnsafeSlow(outputBytes);
  #outputLength = 0;
  #flushing = false;
  #nextStream = 1;
  #sendWindow = initialWindowBytes;
  #receivedBytes = 0;
  /** The rest of a DATA or HEADERS payload that is still to come. */
  #skip = 0;
  #carry: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;

  private constructor(host: string, port: number) {
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(outputBytes),
        callback: (length, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, length));
          return true;
        },
      },
    });
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("the server closed the connection")));
    this.#greet();
  }

  /** Resolves when the socket is connected. */
  static open(host: string, port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const connection = new RawConnection(host, port);
      connection.#socket.once("connect", () => resolve(connection));
      connection.#socket.once("error", reject);
    });
  }

  /**
   * Sends a prepared request; resolves with the bytes of DATA that came back when the stream has ended.
   *
   * @throws `RangeError` for a request beyond 64 KiB, for which flow control within the stream would be needed.
   */
  send(request: PreparedRequest): Promise<number> {
    if (request.dataBytes > initialWindowBytes) {
      throw new RangeError(`request: has ${request.dataBytes} bytes, more than ${initialWindowBytes}`);
    }
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const call = { bytes: 0, resolve, reject };
      if (this.#waiting.length > 0 || request.dataBytes > this.#sendWindow) {
        this.#waiting.push({ request, call });
      } else {
        this.#start(request, call);
      }
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Windows that never close on us: what is measured is the way of the frames, not back-pressure. */
  #greet(): void {
    const settings = Buffer.alloc(12);
    settings.writeUInt16BE(1, 0); // SETTINGS_HEADER_TABLE_SIZE 0
    settings.writeUInt16BE(4, 6); // SETTINGS_INITIAL_WINDOW_SIZE
    settings.writeUInt32BE(largestWindowBytes, 8);
    this.#write(preface);
    this.#write(frame(FrameType.settings, 0, settings));
    this.#topUp(largestWindowBytes - initialWindowBytes);
  }

  #start({ frames, streamIdsAt, dataBytes }: PreparedRequest, call: Call): void {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#sendWindow -= dataBytes;
    this.#calls.set(stream, call);
    const position = this.#write(frames);
    for (const at of streamIdsAt) this.#output.writeUInt32BE(stream, position + at);
  }

  /** Copies bytes into the output of this turn and says where they stand. */
  #write(bytes: Uint8Array): number {
    if (this.#outputLength + bytes.length > this.#output.length) this.#flush();
    const position = this.#outputLength;
    this.#output.set(bytes, position);
    this.#outputLength += bytes.length;
    if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return position;
  }

  #flush(): void {
    if (this.#outputLength === 0) return;
    this.#socket.write(this.#output.subarray(0, this.#outputLength));
    this.#outputLength = 0;
    // What the kernel did not take at once still needs the memory.
    if (this.#socket.writableLength > 0) this.#output = Buffer.allocUnsafeSlow(outputBytes);
  }

  /** Reads what came of frames; `chunk` is used anew when this returns. */
  #read(chunk: Buffer): void {
    const data = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let at = Math.min(this.#skip, data.length);
    this.#skip -= at;
    while (data.length - at >= frameHeaderBytes) {
      const length = data.readUIntBE(at, 3);
      const type = data[at + 3] ?? 0;
      const flags = data[at + 4] ?? 0;
      const stream = data.readUInt32BE(at + 5) & 0x7fff_ffff;
      const start = at + frameHeaderBytes;
      const here = Math.min(length, data.length - start);
      if (type === FrameType.data || type === FrameType.headers) {
        this.#onAnswer(stream, type, flags, length);
        this.#skip = length - here;
      } else {
        if (here < length) break;
        this.#onControl(type, flags, stream, data.subarray(start, start + length));
      }
      at = start + here;
    }
    this.#carry = Buffer.from(data.subarray(at));
  }

  #onAnswer(stream: number, type: number, flags: number, length: number): void {
    const call = this.#calls.get(stream);
    if (type === FrameType.data) {
      if (call !== undefined) call.bytes += length;
      this.#receivedBytes += length;
      if (this.#receivedBytes > topUpBytes) {
        this.#topUp(this.#receivedBytes);
        this.#receivedBytes = 0;
      }
    }
    if ((flags & Flag.endStream) !== 0 && call !== undefined) {
      this.#calls.delete(stream);
      call.resolve(call.bytes);
    }
  }

  #onControl(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.settings:
        if ((flags & Flag.ack) === 0) this.#write(frame(FrameType.settings, Flag.ack, Buffer.alloc(0)));
        return;
      case FrameType.ping:
        if ((flags & Flag.ack) === 0) this.#write(frame(FrameType.ping, Flag.ack, payload));
        return;
      case FrameType.windowUpdate:
        if (stream === 0) this.#widen(payload.readUInt32BE(0) & 0x7fff_ffff);
        return;
      case FrameType.rstStream:
        this.#calls.get(stream)?.reject(new Error(`the server reset a stream (${payload.readUInt32BE(0)})`));
        this.#calls.delete(stream);
        return;
      case FrameType.goaway:
        this.#fail(new Error(`the server said GOAWAY (${payload.readUInt32BE(4)})`));
        return;
      default:
    }
  }

  /** The server takes more: what waited for that goes out in its order. */
  #widen(bytes: number): void {
    this.#sendWindow += bytes;
    let started = 0;
    for (const { request, call } of this.#waiting) {
      if (request.dataBytes > this.#sendWindow) break;
      this.#start(request, call);
      started++;
    }
    this.#waiting.splice(0, started);
  }

  #topUp(bytes: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(bytes, 0);
    this.#write(frame(FrameType.windowUpdate, 0, payload));
  }

  #fail(reason: Error): void {
    this.#failure ??= reason;
    for (const call of this.#calls.values()) call.reject(reason);
    for (const { call } of this.#waiting.splice(0)) call.reject(reason);
    this.#calls.clear();
  }
}
