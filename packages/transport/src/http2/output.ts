import type { Duplex } from "node:stream";
import { ConnectionViolation, ErrorCode } from "./frame.js";
import { FrameWriter } from "./frame-writer.js";

// More is not made before the socket has taken it.
const maxUnsentBytes = 4 * 1024 * 1024;
// A server that does not read must not make us hoard what it asks us to answer: 17 bytes each at most.
const mostUnsentAnswers = 10_000;

/** What leaves a connection: frames are joined, and handed to the socket one write at a time. */
export class Output {
  readonly frames: FrameWriter = new FrameWriter();
  readonly #socket: Duplex;
  readonly #onTaken: () => void;
  #scheduled = false;
  #stopped = false;
  /** Answers to SETTINGS and PING that wait to be handed to the socket. */
  #unsentAnswers = 0;
  #handed = 0;

  /** @param onTaken - Called when the socket has taken all that it was given: more may be written. */
  constructor(socket: Duplex, onTaken: () => void) {
    this.#socket = socket;
    this.#onTaken = onTaken;
  }

  /** Bytes handed to the socket so far: any of them may have reached the server. */
  get handed(): number {
    return this.#handed;
  }

  /** Whether more waits to be sent than may: the server, or the link, takes it more slowly than we make it. */
  get backlogged(): boolean {
    return this.frames.written - this.#handed + this.#socket.writableLength > maxUnsentBytes;
  }

  /** Something was written. What one turn of the event loop writes leaves in one piece. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flushScheduled);
  }

  /**
   * Something was written because the server asked for it.
   *
   * @throws {@link ConnectionViolation} when it asks, and does not read the answers.
   */
  answer(): void {
    // What waits behind a large request of ours is no fault of the server's.
    if (++this.#unsentAnswers > mostUnsentAnswers) {
      throw new ConnectionViolation(
        ErrorCode.enhanceYourCalm,
        "questions from a server that does not read the answers",
      );
    }
    this.schedule();
  }

  /**
   * Hands the socket what has been written, unless it still holds something. What waits here has not been sent for
   * certain; of what a socket holds nobody can tell, since it may be half through with it.
   */
  flush(): void {
    if (this.#stopped || this.#socket.writableLength > 0 || !this.frames.pending) return;
    const pieces = this.frames.take();
    this.#handed = this.frames.written;
    this.#unsentAnswers = 0;
    if (pieces.length === 1 && pieces[0] !== undefined) {
      this.#socket.write(pieces[0], this.#onWritten);
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece, this.#onWritten);
    this.#socket.uncork();
  }

  /** Nothing leaves any more. */
  stop(): void {
    this.#stopped = true;
  }

  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  readonly #onWritten = (error?: Error | null): void => {
    // The socket is about to tell its owner; until then nothing may be counted as handed to it.
    if (error != null || this.#stopped || this.#socket.writableLength > 0) return;
    this.#onTaken();
    this.flush();
  };
}
