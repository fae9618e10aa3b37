import { Duplex } from "node:stream";
import { type Frame, framesOf } from "./frames.js";

/** The client's socket, with the test in the place of the server. */
export class Wire extends Duplex {
  #heard: Buffer[] = [];
  #stuck: (() => void)[] | undefined;
  /** Each write as the connection made it. */
  readonly writes: Buffer[] = [];

  constructor() {
    super({ emitClose: true, autoDestroy: true });
  }

  override _read(): void {
    // Whatever the server says is pushed as it comes.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push(chunk);
    this.#heard.push(chunk);
    if (this.#stuck === undefined) done();
    else this.#stuck.push(done);
  }

  /** The server takes nothing more until {@link unstick}: the next write stays under way. */
  stick(): void {
    this.#stuck ??= [];
  }

  unstick(): void {
    const waiting = this.#stuck ?? [];
    this.#stuck = undefined;
    for (const done of waiting) done();
  }

  /** The server says something. */
  say(...chunks: readonly Buffer[]): void {
    for (const chunk of chunks) this.push(chunk);
  }

  /** The frames that the client has sent since this was last asked. */
  heard(): Frame[] {
    const bytes = Buffer.concat(this.#heard);
    this.#heard = [];
    return framesOf(bytes);
  }

  /** The server hangs up. */
  hangUp(): void {
    this.push(null);
  }
}
