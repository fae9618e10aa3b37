import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { type Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createEchoBehaviour, type EchoCall, EchoFailure } from "./echo-behaviour.js";
import { createEchoLog } from "./echo-log.js";
import type { EchoServer, EchoServerOptions } from "./echo-server.js";
import { Echo } from "./echo-service.js";

/**
 * Starts an echo server of connect-node on `node:http2`, that is on nghttp2. It compresses answers of some length for
 * those who take gzip.
 */
export async function startConnectEchoServer(options: EchoServerOptions = {}): Promise<EchoServer> {
  const log = createEchoLog();
  const behaviour = createEchoBehaviour(log);
  const handler = connectNodeAdapter({
    readMaxBytes: 0x7fff_ffff,
    writeMaxBytes: 0x7fff_ffff,
    routes: (router) =>
      router.service(Echo, {
        unary: (request, context) => failing(() => behaviour.unary(request, callOf(context))),
        serverStream: (request, context) => failingStream(behaviour.serverStream(request, callOf(context))),
        clientStream: (requests, context) => failing(() => behaviour.clientStream(requests, callOf(context))),
        bidi: (requests, context) => failingStream(behaviour.bidi(requests, callOf(context))),
      }),
  });
  const { maxConcurrentStreams } = options;
  const server = createServer(
    maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } },
    (request, response) => {
      if (request.url.endsWith("/Missing")) response.writeHead(404).end();
      else handler(request, response);
    },
  );
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined); // what clients break is no fault of the server's
    session.on("close", () => sessions.delete(session));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = (): Promise<void> => {
    for (const session of sessions) session.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function callOf({ requestHeader, responseHeader, responseTrailer, signal }: HandlerContext): EchoCall {
  return { header: requestHeader, responseHeader, responseTrailer, signal };
}

async function failing<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asConnectError(error);
  }
}

async function* failingStream<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw asConnectError(error);
  }
}

function asConnectError(error: unknown): unknown {
  if (!(error instanceof EchoFailure)) return error;
  return new ConnectError(error.message, error.code as Code, { "x-failure": String(error.code) });
}
