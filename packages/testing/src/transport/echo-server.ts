import type { EchoLog } from "./echo-log.js";

/** How an echo server is to be started. */
export interface EchoServerOptions {
  /** How many streams a connection may have at once. Default: the server's. */
  readonly maxConcurrentStreams?: number | undefined;
}

/** A server of the echo service that somebody else wrote, with our behaviour in it. */
export interface EchoServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly log: EchoLog;
  /** Drops every connection and stops. Idempotent. */
  close(): Promise<void>;
}
