import { describe, expect, it } from "vitest";
import { type Sleeper, WakeHeap } from "./wake-heap.js";

function sleeper(): Sleeper {
  return { wakeAt: 0, heapIndex: -1 };
}

describe("WakeHeap", () => {
  it("knows who wakes first, whatever is added, changed and taken out", () => {
    // A generator of our own: the same cases every time.
    let state = 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const heap = new WakeHeap<Sleeper>();
    const asleep = new Set<Sleeper>();
    const known = Array.from({ length: 200 }, sleeper);
    for (let step = 0; step < 5_000; step++) {
      const one = known[random(known.length)] ?? sleeper();
      if (random(3) === 0) {
        heap.delete(one);
        asleep.delete(one);
      } else {
        heap.set(one, random(1_000));
        asleep.add(one);
      }
      expect(heap.first?.wakeAt).toBe(
        asleep.size === 0 ? undefined : Math.min(...[...asleep].map(({ wakeAt }) => wakeAt)),
      );
      expect(heap.first === undefined || asleep.has(heap.first)).toBe(true);
    }
    for (let woken = Number.NEGATIVE_INFINITY; heap.first !== undefined; ) {
      expect(heap.first.wakeAt).toBeGreaterThanOrEqual(woken);
      woken = heap.first.wakeAt;
      heap.delete(heap.first);
    }
    expect(known.every(({ heapIndex }) => heapIndex === -1)).toBe(true);
  });
});
