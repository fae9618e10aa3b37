import { Buffer } from "node:buffer";

/** The right to work with a key, until it is ended. */
export interface Turn {
  /** Lets the next one have its turn. Idempotent. */
  end(): void;
}

/**
 * Who of a session works with which key. A key that carries the id of the session's lease is the same for all tasks of the
 * session, so that the server cannot tell them apart: they queue here, first come, first served.
 */
export interface Turns {
  /** Waits for all that asked before; rejects with `signal.reason`, and has left the queue then. */
  take(key: Uint8Array, signal: AbortSignal): Promise<Turn>;
  /** Takes the turn if nobody has it or waits for it; else `undefined`. */
  tryTake(key: Uint8Array): Turn | undefined;
}

/** Waits of one key, in order. */
type Queue = Set<() => void>;

/** Turns in this process. A key is remembered for as long as somebody has its turn. */
export function createTurns(): Turns {
  const queues = new Map<string, Queue>();

  function turnOf(name: string, queue: Queue): Turn {
    let ended = false;
    return {
      end() {
        if (ended) return;
        ended = true;
        const next = queue.values().next().value;
        if (next === undefined) queues.delete(name);
        else next();
      },
    };
  }

  function begin(name: string): Turn {
    const queue: Queue = new Set();
    queues.set(name, queue);
    return turnOf(name, queue);
  }

  return {
    tryTake(key) {
      const name = nameOf(key);
      return queues.has(name) ? undefined : begin(name);
    },

    take(key, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      const name = nameOf(key);
      const queue = queues.get(name);
      if (queue === undefined) return Promise.resolve(begin(name));
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          queue.delete(onTurn);
          signal.removeEventListener("abort", onAbort);
        };
        const onTurn = (): void => {
          leave();
          resolve(turnOf(name, queue));
        };
        const onAbort = (): void => {
          leave();
          reject(signal.reason);
        };
        queue.add(onTurn);
        signal.addEventListener("abort", onAbort, { once: true });
      });
    },
  };
}

/** Runs a task when its turn comes, and ends the turn with it. What the task throws is thrown. */
export async function inTurn<T>(
  turns: Turns,
  key: Uint8Array,
  signal: AbortSignal,
  task: () => Promise<T>,
): Promise<T> {
  const turn = await turns.take(key, signal);
  try {
    return await task();
  } finally {
    turn.end();
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
