import type { Socket } from "node:net";

/** In what portions bytes go one way. One object for all connections; changed while they run. */
export interface Portions {
  /** Bytes of one write, each in a turn of the event loop of its own; `undefined`: as they come. */
  sliceBytes: number | undefined;
  /** Bytes to collect before anything is written; what is left goes when nothing has come for a while. */
  coalesceBytes: number | undefined;
  /** How many bytes may still pass before the connection is cut; `undefined`: any number. */
  budget: number | undefined;
}

/** Where the bytes of one way of one connection leave. */
export interface Outlet {
  write(bytes: Buffer): void;
  /** Keeps back what comes from now on. */
  hold(): void;
  release(): void;
  /** Nothing follows what was written. */
  end(): void;
  /** Runs when everything that was written so far is with the operating system. */
  afterwards(action: () => void): void;
  close(): void;
}

// Long enough for what a peer writes in one go to have come.
const collectMs = 20;

/** @param spent - The budget is used up, and its last byte is with the operating system. */
export function openOutlet(sink: Socket, portions: Portions, spent: () => void): Outlet {
  const queue: (Buffer | (() => void))[] = [];
  let held = false;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;

  const waitingBytes = (): number =>
    queue.reduce((sum, item) => sum + (typeof item === "function" ? 0 : item.length), 0);

  function pump(): void {
    if (held || turn !== undefined || sink.destroyed) return;
    if (
      portions.coalesceBytes !== undefined &&
      timer === undefined &&
      waitingBytes() < portions.coalesceBytes
    ) {
      timer = setTimeout(drain, collectMs);
      return;
    }
    if (timer === undefined) drain();
  }

  function drain(): void {
    clearTimeout(timer);
    timer = undefined;
    if (portions.coalesceBytes !== undefined) join();
    while (!(held || sink.destroyed)) {
      const item = queue.shift();
      if (item === undefined) return;
      if (typeof item === "function") {
        item();
        continue;
      }
      const size = Math.min(portions.sliceBytes ?? item.length, portions.budget ?? item.length, item.length);
      if (size < item.length) queue.unshift(item.subarray(size));
      if (portions.budget !== undefined) {
        if (portions.budget === 0) return; // this connection, or another, is about to be cut
        portions.budget -= size;
      }
      const isLast = portions.budget === 0;
      sink.write(item.subarray(0, size), () => {
        if (isLast) spent();
      });
      if (isLast) return;
      if (portions.sliceBytes === undefined) continue;
      turn = setImmediate(() => {
        turn = undefined;
        drain();
      });
      return;
    }
  }

  /** Makes one of all bytes up to the next action. */
  function join(): void {
    const until = queue.findIndex((item) => typeof item === "function");
    const bytes = queue.splice(0, until < 0 ? queue.length : until) as Buffer[];
    if (bytes.length > 0) queue.unshift(Buffer.concat(bytes));
  }

  return {
    write(bytes) {
      if (ended) return;
      queue.push(bytes);
      pump();
    },
    hold() {
      held = true;
    },
    release() {
      held = false;
      pump();
    },
    end() {
      if (ended) return;
      ended = true;
      queue.push(() => sink.end());
      pump();
    },
    afterwards(action) {
      queue.push(() => sink.write("", () => action()));
      pump();
    },
    close() {
      clearTimeout(timer);
      clearImmediate(turn);
      queue.length = 0;
    },
  };
}
