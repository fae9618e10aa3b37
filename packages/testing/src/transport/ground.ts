import type { Client, Transport } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import type { EndpointTransport } from "@etcdkit/transport";
import { type FrameProxy, openFrameProxy } from "../frame-proxy/frame-proxy.js";
import type { EchoServer, EchoServerOptions } from "./echo-server.js";
import { Echo } from "./echo-service.js";

/** What a transport under a suite can do beyond being one. */
export interface TransportCapabilities {
  /** Errors say as `disposition` whether the server can have seen the request. */
  readonly dispositions: boolean;
  /** The transport tells of its link: it is an `EndpointTransport`. */
  readonly connectionEvents: boolean;
  /** A consumer that stops, stops the server; what is under way is bounded. */
  readonly backPressure: boolean;
  /** Answers compressed with gzip are understood, and asked for. */
  readonly gzip: boolean;
  /** A deadline of `Infinity` is taken for none. */
  readonly unlimitedTimeout: boolean;
  /** Messages that came before an error are given before it, also when all came at once. */
  readonly messagesBeforeErrors: boolean;
  /** The server's limit of streams makes further calls wait. */
  readonly queueing: boolean;
  /** A server that goes away, or refuses a stream, costs no call: the transport asks again by itself. */
  readonly handOver: boolean;
  /** A reset of a stream becomes the error that gRPC says: ENHANCE_YOUR_CALM that of exhausted resources, and so on. */
  readonly resetCodes: boolean;
  /** Leaving the messages of a stream cancels the call. */
  readonly cancelsOnReturn: boolean;
  /** The source of requests of a call that has ended is told that nobody asks any more. */
  readonly tellsRequests: boolean;
  /** The messages of a stream may be left while one is asked for. */
  readonly concurrentReturn: boolean;
}

/** A transport that is made for one case. */
export interface OpenTransport {
  /** Dials by itself when it is asked. */
  readonly transport: Transport;
  /** Below `transport`, where there are connection events. */
  readonly link?: EndpointTransport | undefined;
  close(): Promise<void> | void;
}

/** What a suite runs on. */
export interface TransportSetup {
  /** Starts the server that all cases share, and with options one for a single case. */
  startServer(options?: EchoServerOptions): Promise<EchoServer>;
  /** Makes a transport to an `http` endpoint. */
  open(endpoint: string): OpenTransport | Promise<OpenTransport>;
}

/** What one case works with; disposed of when the case ends. */
export interface Ground extends AsyncDisposable {
  readonly server: EchoServer;
  readonly client: Client<typeof Echo>;
  readonly transport: Transport;
  readonly link: EndpointTransport;
  /** In front of the server, on the ground of {@link GroundMaker.proxied}. */
  readonly proxy: FrameProxy;
  close(): Promise<void>;
}

/** Makes grounds for cases. */
export interface GroundMaker {
  readonly capabilities: TransportCapabilities;
  /** On the server that all share. */
  direct(): Promise<Ground>;
  /** With a frame proxy in front of it. */
  proxied(): Promise<Ground>;
  /** On a server of its own. */
  own(options: EchoServerOptions): Promise<Ground>;
}

export function createGroundMaker(
  setup: TransportSetup,
  shared: () => EchoServer,
  capabilities: TransportCapabilities,
): GroundMaker {
  async function on(
    server: EchoServer,
    endpoint: string,
    proxy: FrameProxy | undefined,
    end: () => Promise<void>,
  ) {
    const opened = await setup.open(endpoint);
    const close = async (): Promise<void> => {
      await opened.close();
      await end();
    };
    return {
      server,
      transport: opened.transport,
      client: createClient(Echo, opened.transport),
      get link() {
        if (opened.link === undefined) throw new Error("the transport has no connection events");
        return opened.link;
      },
      get proxy() {
        if (proxy === undefined) throw new Error("there is no proxy on this ground");
        return proxy;
      },
      close,
      [Symbol.asyncDispose]: close,
    } satisfies Ground;
  }
  return {
    capabilities,
    direct: () => on(shared(), shared().endpoint, undefined, () => Promise.resolve()),
    async proxied() {
      const proxy = await openFrameProxy(shared().endpoint);
      return await on(shared(), proxy.endpoint, proxy, () => proxy.close());
    },
    async own(options) {
      const server = await setup.startServer(options);
      return await on(server, server.endpoint, undefined, () => server.close());
    },
  };
}

let names = 0;

/** A name that no other call has. */
export function newName(): string {
  return `call-${++names}`;
}
