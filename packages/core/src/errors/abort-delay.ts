import type { Delay } from "../connection/prerequisite.js";

// Beside the reason, like the outcome of a write: whoever aborts knows its own reason, and no more than that comes back.
const ofReason = new WeakMap<object, Delay>();

/** Remembers what a call was waiting for when `reason` ended it; the first call that it ended counts. */
export function noteDelay(reason: object, delay: Delay): void {
  if (!ofReason.has(reason)) ofReason.set(reason, delay);
}

/**
 * What a call was waiting for when it was aborted with this reason. For those who keep a time limit by a signal of their
 * own, and abort with an `EtcdError` `DEADLINE` when it is over: their error can say where the time went, and why.
 * `undefined` for every other reason, and when no call was under way.
 */
export function delayOf(reason: object): Delay | undefined {
  return ofReason.get(reason);
}
