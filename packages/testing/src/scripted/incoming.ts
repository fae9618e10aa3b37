import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { createUnframer } from "./grpc-frames.js";

/** The messages that a client sends on one stream, kept for the record and for whoever reads them. */
export interface Incoming {
  readonly received: readonly Uint8Array[];
  /** All messages from the first on; ends when the client has said all, or has left. */
  messages(): AsyncIterable<Uint8Array>;
}

/** Reads a stream as fast as it comes, so that the record is whole whether a script looks at it or not. */
export function readIncoming(stream: ServerHttp2Stream): Incoming {
  const received: Uint8Array[] = [];
  const unframe = createUnframer();
  let isOver = false;
  let waiting: (() => void)[] = [];

  function news(): void {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }
  function over(): void {
    isOver = true;
    news();
  }
  stream.on("data", (chunk: Buffer) => {
    received.push(...unframe(chunk));
    news();
  });
  stream.on("error", () => undefined); // a client that resets its stream is nothing to crash for
  void once(stream, "end").then(over, over);
  stream.once("close", over);

  return {
    received,
    async *messages() {
      for (let next = 0; ; ) {
        const message = received[next];
        if (message !== undefined) {
          next += 1;
          yield message;
        } else if (isOver) {
          return;
        } else {
          await new Promise<void>((wake) => waiting.push(wake));
        }
      }
    },
  };
}
