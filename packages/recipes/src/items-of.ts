// Beside the errors, not in them: values stay out of what is printed and logged, and the caller's abort reason has no room.
const taken = new WeakMap<object, readonly Uint8Array[]>();

/** Remembers an item that a failed call may have removed. */
export function noteItem(error: unknown, item: Uint8Array): void {
  if (typeof error !== "object" || error === null) return;
  taken.set(error, [...(taken.get(error) ?? []), item]);
}

/**
 * The items that a `dequeue` or `tryDequeue` which rejected with this error may have removed: the request went out and its
 * answer never came. Each of them was removed by this call, or by another consumer, or is still there. Mostly none.
 *
 * To process it means at least once, to drop it at most once.
 *
 * An abort reason is one for all the calls that it ended, and has the items of all of them; a reason that is no object, such
 * as a string, has none. Give each call a reason of its own.
 */
export function itemsOf(error: unknown): readonly Uint8Array[] {
  return (typeof error === "object" && error !== null ? taken.get(error) : undefined) ?? [];
}
