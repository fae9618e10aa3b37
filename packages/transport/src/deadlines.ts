import type { CancelTimer, Clock } from "./clock.js";

/** Something with a deadline. Held in a list by {@link Deadlines}, which alone sets the links. */
export interface Timed {
  onDeadline(): void;
}

interface Entry {
  readonly timed: Timed;
  readonly dueAt: number;
  before: Entry | undefined;
  after: Entry | undefined;
  list: List | undefined;
}

interface List {
  first: Entry | undefined;
  last: Entry | undefined;
  cancel: CancelTimer | undefined;
}

/** An entry to {@link Deadlines.remove}. */
export type Deadline = Entry;

/**
 * Deadlines of many calls with few timers. Calls mostly have the same time to live, so for each time there is a list in
 * order of arrival, which is the order of the deadlines, and one timer for its first. Timers never keep the process
 * alive: the open stream does.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #lists = new Map<number, List>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(timeoutMs: number, timed: Timed): Deadline {
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) {
      list = { first: undefined, last: undefined, cancel: undefined };
      this.#lists.set(timeoutMs, list);
    }
    const entry: Entry = {
      timed,
      dueAt: this.#clock.now() + timeoutMs,
      before: list.last,
      after: undefined,
      list,
    };
    if (list.last === undefined) list.first = entry;
    else list.last.after = entry;
    list.last = entry;
    if (list.cancel === undefined) this.#arm(timeoutMs, list);
    return entry;
  }

  remove(entry: Deadline): void {
    const { list, before, after } = entry;
    if (list === undefined) return;
    entry.list = undefined;
    // An entry that has grown old by chance would keep all that came after it from being collected young.
    entry.before = undefined;
    entry.after = undefined;
    if (before === undefined) list.first = after;
    else before.after = after;
    if (after === undefined) list.last = before;
    else after.before = before;
  }

  /** The timer stays armed when its entry leaves: it finds out when it fires, which costs less than moving it. */
  #arm(timeoutMs: number, list: List): void {
    const { first } = list;
    if (first === undefined) {
      list.cancel = undefined;
      this.#lists.delete(timeoutMs);
      return;
    }
    list.cancel = this.#clock.setTimer(
      first.dueAt - this.#clock.now(),
      () => this.#fire(timeoutMs, list),
      false,
    );
  }

  /**
   * After a stall of the event loop Node runs timers before it reads sockets: an answer that arrived in time may still be
   * waiting there, so a deadline is judged one turn later.
   */
  #fire(timeoutMs: number, list: List): void {
    setImmediate(() => this.#judge(timeoutMs, list));
  }

  #judge(timeoutMs: number, list: List): void {
    const now = this.#clock.now();
    for (let entry = list.first; entry !== undefined && entry.dueAt <= now; entry = list.first) {
      this.remove(entry);
      entry.timed.onDeadline();
    }
    this.#arm(timeoutMs, list);
  }

  /** Stops all timers; nothing fires any more. */
  stop(): void {
    for (const list of this.#lists.values()) list.cancel?.();
    this.#lists.clear();
  }
}
