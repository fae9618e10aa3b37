import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { Code } from "@connectrpc/connect";
import { resetSocket } from "../reset-socket.js";
import { encodeStatusMessage, frameMessage } from "./grpc-frames.js";
import type { Incoming } from "./incoming.js";

/** A method with the types of its messages. */
export type Method<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly input: I;
  readonly output: O;
};

/** What {@link ScriptedCall.goAway} says in its frame (RFC 9113, 6.8). */
export interface GoAwayOptions {
  /** Why, as an HTTP/2 error code. Default 0, NO_ERROR. */
  readonly http2Code?: number | undefined;
  /** The last stream that is said to have been looked at. Default: the highest so far, so that none was refused. */
  readonly lastStreamId?: number | undefined;
}

/** A call that waits for what its script does with it. One that is not answered stays open. */
export interface ScriptedCall<I extends DescMessage = DescMessage, O extends DescMessage = DescMessage> {
  /** For example `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The first message. The script starts when it has arrived. */
  readonly request: MessageShape<I>;
  /** All messages from the first on, as they come; ends when the client has said all. */
  readonly requests: AsyncIterable<MessageShape<I>>;
  /** Aborts when the stream is over, be it that the client has left. */
  readonly signal: AbortSignal;
  /** Adds response headers to those of gRPC; only before the first message. */
  respond(headers?: OutgoingHttpHeaders): void;
  /** Sends one message. */
  send(message: MessageInitShape<O>): void;
  /** Sends bytes as they are in place of a framed message. */
  sendBytes(bytes: Uint8Array): void;
  /** Ends the call with these trailers. Default: `grpc-status: 0`. */
  end(trailers?: OutgoingHttpHeaders): void;
  /** Ends the call with an error. */
  fail(code: Code, message?: string): void;
  /** Resets the stream, with an HTTP/2 error code such as 7, REFUSED_STREAM. Default 2, INTERNAL_ERROR. */
  reset(http2Code?: number): void;
  /** Sends GOAWAY on the call's connection and leaves the connection as it is. */
  goAway(options?: GoAwayOptions): void;
  /** Answers as a web server that knows no gRPC. */
  answerHttp(status: number, body?: string, headers?: OutgoingHttpHeaders): void;
  /** Closes the connection without a word once what was sent is on its way; `reset`: with a TCP RST where there is TCP. */
  hangUp(options?: { readonly reset?: boolean | undefined }): Promise<void>;
}

/** What a stream and its surroundings look like to a call. */
export interface CallContext<I extends DescMessage, O extends DescMessage> {
  readonly method: Method<I, O>;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: ServerHttp2Stream;
  readonly socket: Socket;
  readonly incoming: Incoming;
  readonly signal: AbortSignal;
}

/** @param first - The first message, which has arrived. */
export function createScriptedCall<I extends DescMessage, O extends DescMessage>(
  { method, path, headers, stream, socket, incoming, signal }: CallContext<I, O>,
  first: Uint8Array,
): ScriptedCall<I, O> {
  let trailers: OutgoingHttpHeaders = { "grpc-status": "0" };
  const grpc = { ":status": 200, "content-type": "application/grpc" };
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));

  const call: ScriptedCall<I, O> = {
    path,
    headers,
    request: fromBinary(method.input, first),
    requests: {
      async *[Symbol.asyncIterator]() {
        for await (const message of incoming.messages()) yield fromBinary(method.input, message);
      },
    },
    signal,

    respond(extra = {}) {
      if (!stream.headersSent) stream.respond({ ...grpc, ...extra }, { waitForTrailers: true });
    },
    send(message) {
      call.sendBytes(frameMessage(toBinary(method.output, create(method.output, message))));
    },
    sendBytes(bytes) {
      call.respond();
      stream.write(bytes);
    },
    end(last = { "grpc-status": "0" }) {
      if (stream.headersSent) {
        trailers = last;
        stream.end();
      } else {
        stream.respond({ ...grpc, ...last }, { endStream: true });
      }
    },
    fail(code, message = "") {
      call.end({ "grpc-status": `${code}`, "grpc-message": encodeStatusMessage(message) });
    },
    reset: (http2Code = constants.NGHTTP2_INTERNAL_ERROR) => stream.close(http2Code),
    goAway: ({ http2Code = constants.NGHTTP2_NO_ERROR, lastStreamId } = {}) =>
      stream.session?.goaway(http2Code, lastStreamId),
    answerHttp(status, body = "", extra = {}) {
      stream.respond({ ":status": status, "content-type": "text/plain", ...extra });
      stream.end(body);
    },
    async hangUp({ reset = false } = {}) {
      // What a stream is told to send goes out over the next turns of the event loop.
      for (let i = 0; i < 4; i++) await turn();
      // Not destroyed: with bytes of the client unread, that would be a reset, which takes the answer back.
      if (reset) resetSocket(socket);
      else socket.end();
    },
  };
  return call;
}
