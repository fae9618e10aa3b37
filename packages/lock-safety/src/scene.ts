import { setTimeout as delay } from "node:timers/promises";
import { nowUs } from "./clock.js";
import type { Holder } from "./faults.js";
import { createFencedResource, type FencedResource } from "./fenced-resource.js";
import type { FromWorker, Hold, Protection, ToWorker, WriteCounts } from "./messages.js";

/** What the contending processes have told so far. */
export interface Scene {
  /** By their tokens. */
  readonly holders: ReadonlyMap<string, Holder>;
  readonly holds: readonly Hold[];
  readonly writes: Readonly<Record<Protection, WriteCounts>>;
  readonly fenced: FencedResource;
  readonly givenUp: number;
  readonly sessions: number;
  readonly problems: readonly string[];
  /**
   * Waits until everybody who holds now has ended, and tells a time before which they had begun.
   *
   * @throws Error when somebody does not end.
   */
  changeOfHolders(): Promise<number>;
  hear(worker: number, message: FromWorker, answer: (message: ToWorker) => void): void;
}

/** Nobody holds for longer, and tells of its end. */
const longestHoldMs = 30_000;

/** Processes repeat what goes wrong; so much of it is enough. */
const mostProblems = 20;

export function createScene(): Scene {
  const holders = new Map<string, Holder>();
  const holds: Hold[] = [];
  const problems: string[] = [];
  const newCounts = (): WriteCounts => ({ acknowledged: 0, refused: 0, failed: 0 });
  const writes = { guarded: newCounts(), compared: newCounts(), control: newCounts() };
  const fenced = createFencedResource();
  let [givenUp, sessions] = [0, 0];
  return {
    holders,
    holds,
    writes,
    fenced,
    get givenUp() {
      return givenUp;
    },
    get sessions() {
      return sessions;
    },
    problems,
    async changeOfHolders() {
      const beforeUs = nowUs();
      const before = [...holders.keys()];
      const deadline = performance.now() + longestHoldMs;
      while (before.some((token) => holders.has(token))) {
        if (performance.now() > deadline) throw new Error("a holder has not told of its end");
        await delay(20);
      }
      return beforeUs;
    },
    hear(worker, message, answer) {
      switch (message.type) {
        case "acquired":
          holders.set(message.token, { worker, ...message });
          break;
        case "held":
          holders.delete(message.hold.token);
          holds.push({ ...message.hold, worker });
          break;
        case "fenced":
          answer({
            type: "fenced",
            id: message.id,
            accepted: fenced.write(message.kind, message.shared, message.token),
          });
          break;
        case "problem":
          if (problems.length < mostProblems) problems.push(`worker ${worker}: ${message.text}`);
          break;
        case "finished":
          givenUp += message.givenUp;
          sessions += message.sessions;
          for (const [protection, counts] of Object.entries(message.writes)) {
            add(writes[protection as Protection], counts);
          }
          break;
        case "ready":
        case "writing": // the fault that asked for it
      }
    },
  };
}

function add(to: WriteCounts, counts: WriteCounts): void {
  to.acknowledged += counts.acknowledged;
  to.refused += counts.refused;
  to.failed += counts.failed;
}
