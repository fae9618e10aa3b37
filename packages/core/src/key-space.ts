import { compareBytes } from "./bytes.js";

/** The keys that a service speaks of. */
export interface KeySpace {
  /**
   * What stands in front of every key in the store, put there and taken away by a decorator (a namespace); absent: nothing.
   * Decorators hand on the prefix of what they wrap, so that two services can be told to speak of the same keys.
   */
  readonly keyPrefix?: Uint8Array | undefined;
}

/** Whether two services mean the same key of the store when they name the same key. */
export function shareKeySpace(a: KeySpace, b: KeySpace): boolean {
  return compareBytes(a.keyPrefix ?? none, b.keyPrefix ?? none) === 0;
}

const none = new Uint8Array();
