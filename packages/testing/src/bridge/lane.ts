import type { Socket } from "node:net";

/** What happens to the bytes that go one way. One object for all connections; changed while they run. */
export interface LaneRules {
  /** `hold`: not even read, so that they arrive later, as after a healed partition. `drop`: read and thrown away. */
  flow: "pass" | "hold" | "drop";
  latencyMs: number;
  jitterMs: number;
  /** How many bytes may still pass before the connection is cut; `undefined`: any number. */
  budget: number | undefined;
}

/** What a lane tells of itself. */
export interface LaneEvents {
  forwarded(bytes: number): void;
  dropped(): void;
  /** The budget is used up, and its last byte is with the operating system. */
  spent(): void;
}

/** One way of one connection. */
export interface Lane {
  /** Looks at the rules again. */
  refresh(): void;
  /** Tells the sink that no more will come; bytes that the source still sends are thrown away. */
  end(): void;
  /** No timer is left. */
  close(): void;
}

interface Waiting {
  readonly dueMs: number;
  /** `undefined` is the end of the stream, which keeps its place behind the bytes. */
  readonly chunk: Buffer | undefined;
}

/** Carries bytes from one socket to the other under the rules, in order, no faster than the sink takes them. */
export function openLane(source: Socket, sink: Socket, rules: LaneRules, events: LaneEvents): Lane {
  const queue: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  function arrive(chunk: Buffer | undefined): void {
    if (rules.flow === "drop" && chunk !== undefined) {
      events.dropped();
      return;
    }
    const delayMs = rules.latencyMs + Math.random() * rules.jitterMs;
    // Jitter never lets one chunk overtake another: this is a byte stream.
    const afterMs = queue.at(-1)?.dueMs ?? 0;
    queue.push({ dueMs: delayMs > 0 ? Math.max(afterMs, performance.now() + delayMs) : afterMs, chunk });
    pump();
  }

  function pump(): void {
    clearTimeout(timer);
    while (!isBlocked()) {
      const next = queue[0];
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(pump, Math.ceil(waitMs));
        break;
      }
      queue.shift();
      if (next.chunk === undefined) end();
      else forward(next.chunk);
    }
    if (isBlocked()) source.pause();
    else source.resume();
  }

  /** With the budget at 0, some connection is about to be cut; the others must not lose bytes meanwhile. */
  function isBlocked(): boolean {
    return rules.flow === "hold" || rules.budget === 0 || sink.writableNeedDrain;
  }

  function forward(chunk: Buffer): void {
    if (ended || sink.destroyed) return;
    const allowed = rules.budget === undefined ? chunk : chunk.subarray(0, rules.budget);
    if (rules.budget !== undefined) rules.budget -= allowed.length;
    const isLast = rules.budget === 0;
    sink.write(allowed, () => {
      if (isLast) events.spent();
    });
    events.forwarded(allowed.length);
  }

  function end(): void {
    if (ended) return;
    ended = true;
    sink.end();
  }

  source.on("data", arrive);
  source.once("end", () => arrive(undefined));
  sink.on("drain", pump);
  pump();
  return { refresh: pump, end, close: () => clearTimeout(timer) };
}
