import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  connect as connectHttp2,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Code } from "@connectrpc/connect";
import type { Clock } from "../clock.js";
import { Keepalive, type KeepalivePace, type KeepaliveTimes } from "../keepalive.js";
import { TransportError } from "../transport-error.js";
import { explainSilence } from "./silence.js";

// Enough for a stream of large answers to flow without a pause at every 64 KiB (RFC 9113, 6.9.2).
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * 1024 * 1024;

// Node counts queued requests into the memory of a session and resets streams beyond its limit, 10 MB unless told
// otherwise: ten puts of 1 MiB at once. What may be in flight is the caller's to bound, by how many calls it makes.
const sessionMemoryMegabytes = 2 ** 20;

/** What a session tells its owner: the link that it belongs to. */
export interface SessionOwner {
  /** The session takes no new requests from now on; those under way may still finish. */
  drains(session: Http2Session, reason: unknown): void;
  /** Nothing is left of the session. */
  ended(session: Http2Session, reason: unknown): void;
}

/** What one HTTP/2 session is made of. */
export interface SessionSetup {
  readonly tls: boolean;
  readonly keepAlive: KeepaliveTimes | false;
  readonly clock: Clock;
  /** Shared by the sessions of one endpoint. */
  readonly pace: KeepalivePace;
  readonly owner: SessionOwner;
}

const resetAfterAnswer = "the server reset the request after it had begun to answer";

/**
 * One HTTP/2 session over one socket, from the server's first SETTINGS to the end.
 *
 * It counts as up only once SETTINGS has arrived (RFC 9113, 3.4): with TLS 1.3 a server that refuses the client's
 * certificate says so after the handshake has succeeded on this side.
 */
export class Http2Session {
  readonly #session: ClientHttp2Session;
  readonly #keepalive: Keepalive;
  readonly #owner: SessionOwner;
  #streams = 0;
  /** Streams that somebody waits for; the others do not keep the process alive. */
  #foreground = 0;
  #ended = false;

  private constructor(session: ClientHttp2Session, setup: SessionSetup) {
    const { clock, keepAlive, owner, pace } = setup;
    this.#session = session;
    this.#owner = owner;
    this.#keepalive = new Keepalive(keepAlive, pace, clock, {
      ping: () => this.#ping(),
      dead: (silenceMs) =>
        this.close(new Error(`the server has been silent for ${Math.round(silenceMs)} ms`)),
    });
    session.unref();
    session.on("error", (error) => this.#end(error));
    session.on("close", () => {
      const reason = new Error("the server closed the connection");
      this.#end(reason);
      this.#keepalive.stop();
      owner.ended(this, reason);
    });
    session.on("goaway", (code) => {
      // The server asks for fewer pings.
      if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM) this.#keepalive.slowDown();
      this.#end(new Error(`the server is going away (GOAWAY, code ${code})`));
    });
  }

  /** Starts HTTP/2 on a socket and waits for the server's first word. */
  static open(socket: Duplex, setup: SessionSetup, signal: AbortSignal): Promise<Http2Session> {
    return new Promise((resolve, reject) => {
      const session = connectHttp2("http://endpoint", {
        createConnection: () => socket,
        settings: { enablePush: false, initialWindowSize: streamWindowBytes },
        maxSessionMemory: sessionMemoryMegabytes,
      });
      const onSettings = (): void => {
        release();
        session.setLocalWindowSize(connectionWindowBytes);
        resolve(new Http2Session(session, setup));
      };
      const fail = (reason: unknown): void => {
        release();
        session.on("error", () => undefined);
        socket.on("error", () => undefined);
        session.destroy();
        socket.destroy();
        reject(reason);
      };
      const onClose = (): void => {
        const heard = socket instanceof Socket ? socket.bytesRead : undefined;
        fail(explainSilence(heard, setup.tls));
      };
      const onAbort = (): void => fail(signal.reason);
      const release = (): void => {
        session.off("remoteSettings", onSettings);
        session.off("error", fail);
        session.off("close", onClose);
        socket.off("error", fail);
        signal.removeEventListener("abort", onAbort);
      };
      session.on("remoteSettings", onSettings);
      session.on("error", fail);
      session.on("close", onClose);
      // A TLS alert that comes after the handshake, such as the refusal of a certificate, ends the session without a sound.
      socket.on("error", fail);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  /** Whether a request may be started. */
  get open(): boolean {
    return !(this.#ended || this.#session.closed || this.#session.destroyed);
  }

  /** The dealings of {@link Keepalive} with calls that wait for one answer. */
  get keepalive(): Keepalive {
    return this.#keepalive;
  }

  /** @param foreground - Whether the request keeps the process alive until it ends. */
  request(
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
    foreground: boolean,
  ): ClientHttp2Stream {
    if (!this.open) throw unsent("the connection ended before the request was sent");
    const stream = this.#start(headers, options);
    this.#streams++;
    if (foreground && ++this.#foreground === 1) this.#session.ref();
    this.#keepalive.streams(this.#streams);
    let answered = false;
    stream.on("response", () => {
      answered = true;
      this.#keepalive.heard();
    });
    // Told to the caller by connect-node, after this. A server that has begun to answer has seen the request, whatever it
    // says when it resets the stream: the words that would prove the contrary must not reach those who go by them.
    stream.on("error", (error: Error) => {
      if (answered) error.message = `${resetAfterAnswer} (${error.message})`;
    });
    stream.on("close", () => {
      this.#streams--;
      this.#keepalive.streams(this.#streams);
      if (foreground && --this.#foreground === 0) this.#session.unref();
      if (this.#streams === 0 && this.#ended) this.#leave();
      if (answered && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) {
        stream.emit("error", new Error("REFUSED_STREAM"));
      }
      // A stream that ends with NO_ERROR and without an answer makes no other sound; its caller would wait on.
      if (!answered && stream.rstCode === constants.NGHTTP2_NO_ERROR) {
        stream.emit("error", new Error("the server ended the request without an answer"));
      }
    });
    return stream;
  }

  /** Ends at once, with every request on it. Idempotent. */
  close(reason: Error): void {
    this.#end(reason);
    this.#keepalive.stop();
    this.#session.destroy(reason);
  }

  #start(
    headers: OutgoingHttpHeaders,
    options: Omit<ClientSessionRequestOptions, "signal">,
  ): ClientHttp2Stream {
    try {
      return this.#session.request(headers, options);
    } catch (error) {
      // Node throws before it writes anything: the session just went away, or ran out of stream numbers.
      throw unsent("the request could not be sent", error);
    }
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#streams === 0 || this.#session.destroyed) this.#leave();
    else this.#session.close();
    this.#owner.drains(this, reason);
  }

  #leave(): void {
    this.#keepalive.stop();
    this.#session.destroy();
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    this.#session.ping((error) => {
      if (error === null) this.#keepalive.heard();
    });
  }
}

/** An error for a request of which nothing was written. */
function unsent(message: string, cause?: unknown): TransportError {
  return new TransportError("link", message, Code.Unavailable, "unsent", cause);
}
