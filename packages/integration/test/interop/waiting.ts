import { type Kv, utf8 } from "@etcdkit/core";
import { expect, vi } from "vitest";

/** What is under way. Wrapped, so that it can be handed on without being waited for. */
export interface Pending<T> {
  readonly done: Promise<T>;
  /** Whether it has ended, one way or the other. */
  readonly ended: boolean;
}

/** Watches something that is under way. */
export function pending<T>(done: Promise<T>): Pending<T> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  done.then(end, end);
  return {
    done,
    get ended() {
      return ended;
    },
  };
}

/** Waits until there are so many keys with a prefix, and returns them, the oldest first. */
export function untilKeys(kv: Kv, prefix: string, count: number): Promise<readonly string[]> {
  return vi.waitFor(async () => {
    const { kvs } = await kv.range({ prefix }, { sort: { by: "created" } });
    expect(kvs).toHaveLength(count);
    return kvs.map(({ key }) => utf8(key));
  }, 10_000);
}
