/** Counts something and lets others wait until it has come far enough. */
export interface Milestones {
  readonly count: number;
  add(amount: number): void;
  /** Resolves as soon as the count is at least `target`; rejects when {@link Milestones.end} comes first. */
  reached(target: number): Promise<void>;
  /** Nothing more will come. Later waits that are not satisfied yet reject as well. */
  end(reason: Error): void;
}

interface Waiter {
  readonly target: number;
  resolve(): void;
  reject(reason: Error): void;
}

/** @param what - What is counted, for the error that names a bad target. */
export function createMilestones(what: string): Milestones {
  let count = 0;
  let ended: Error | undefined;
  let waiters: readonly Waiter[] = [];

  return {
    get count() {
      return count;
    },
    add(amount) {
      count += amount;
      for (const waiter of waiters) if (waiter.target <= count) waiter.resolve();
      waiters = waiters.filter((waiter) => waiter.target > count);
    },
    reached(target) {
      if (!Number.isSafeInteger(target) || target < 0) {
        return Promise.reject(new RangeError(`${what}: expected a whole number, 0 or more, got ${target}`));
      }
      if (count >= target) return Promise.resolve();
      const wait = new Promise<void>((resolve, reject) => {
        if (ended !== undefined) reject(ended);
        else waiters = [...waiters, { target, resolve, reject }];
      });
      wait.catch(() => undefined); // a wait that nobody looks at any more must not crash the process
      return wait;
    },
    end(reason) {
      ended ??= reason;
      for (const waiter of waiters) waiter.reject(ended);
      waiters = [];
    },
  };
}
