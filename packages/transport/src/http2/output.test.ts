import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { turn } from "../../test/support/manual-clock.js";
import { Output } from "./output.js";

/** A socket that takes or refuses each write when the test says so. */
class Socket extends Duplex {
  readonly #waiting: ((error?: Error) => void)[] = [];
  writes = 0;

  override _read(): void {
    // It never says anything.
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.writes++;
    this.#waiting.push(done);
  }

  async settle(error?: Error): Promise<void> {
    this.#waiting.shift()?.(error);
    await turn();
  }
}

function output(): { readonly socket: Socket; readonly out: Output; taken: number } {
  const socket = new Socket();
  socket.on("error", () => undefined);
  const made = { socket, out: new Output(socket, () => made.taken++), taken: 0 };
  return made;
}

async function ping({ out }: { readonly out: Output }): Promise<void> {
  out.frames.ping(Buffer.alloc(8), false);
  out.schedule();
  await turn();
}

describe("Output", () => {
  it("hands on what was written meanwhile when the socket has taken the write before it", async () => {
    const made = output();
    await ping(made);
    await ping(made);
    expect([made.socket.writes, made.taken, made.out.handed]).toEqual([1, 0, 17]);
    await made.socket.settle();
    expect([made.socket.writes, made.taken, made.out.handed]).toEqual([2, 1, 34]);
  });

  it("hands nothing to a socket whose write has failed: what waited was never sent", async () => {
    const made = output();
    await ping(made);
    await ping(made);
    await made.socket.settle(new Error("broken pipe"));
    expect([made.socket.writes, made.taken, made.out.handed]).toEqual([1, 0, 17]);
  });
});
