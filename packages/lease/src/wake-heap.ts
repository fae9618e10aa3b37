/** Something that is to be looked at, at a time. */
export interface Sleeper {
  /** When, on whatever clock; to be changed only by {@link WakeHeap.set}. */
  wakeAt: number;
  /** Its place in the heap; -1 when it is not there. The heap's own. */
  heapIndex: number;
}

/**
 * Many sleepers, of which the first to wake is always known: a binary heap. It takes one slot each, where a timer for each
 * would take an object and a closure.
 */
export class WakeHeap<T extends Sleeper> {
  readonly #heap: T[] = [];

  /** Who wakes first. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Adds a sleeper, or changes when it wakes. */
  set(sleeper: T, wakeAt: number): void {
    sleeper.wakeAt = wakeAt;
    if (sleeper.heapIndex < 0) {
      sleeper.heapIndex = this.#heap.length;
      this.#heap.push(sleeper);
    }
    this.#settle(sleeper);
  }

  /** Takes a sleeper out; one that is not there stays away. */
  delete(sleeper: T): void {
    const index = sleeper.heapIndex;
    if (index < 0) return;
    sleeper.heapIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === sleeper) return;
    this.#put(last, index);
    this.#settle(last);
  }

  #settle(sleeper: T): void {
    this.#rise(sleeper);
    this.#sink(sleeper);
  }

  #rise(sleeper: T): void {
    let index = sleeper.heapIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.wakeAt <= sleeper.wakeAt) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(sleeper, index);
  }

  #sink(sleeper: T): void {
    let index = sleeper.heapIndex;
    while (true) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = left !== undefined && right !== undefined && right.wakeAt < left.wakeAt ? right : left;
      if (child === undefined || child.wakeAt >= sleeper.wakeAt) break;
      const below = child.heapIndex;
      this.#put(child, index);
      index = below;
    }
    this.#put(sleeper, index);
  }

  #put(sleeper: T, index: number): void {
    this.#heap[index] = sleeper;
    sleeper.heapIndex = index;
  }
}
