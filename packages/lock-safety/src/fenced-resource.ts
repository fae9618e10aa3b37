import type { Kind } from "./messages.js";

/** A resource outside of etcd that knows of the lock only the tokens that it is shown: it refuses one that is older than another. */
export interface FencedResource {
  /** Whether a write with this token was taken. */
  write(kind: Kind, token: string): boolean;
  readonly accepted: number;
  readonly refused: number;
}

export function createFencedResource(): FencedResource {
  const highest: Record<Kind, bigint> = { lock: 0n, election: 0n };
  let [accepted, refused] = [0, 0];
  return {
    write(kind, text) {
      const token = BigInt(text);
      const current = token >= highest[kind];
      if (current) {
        highest[kind] = token;
        accepted += 1;
      } else {
        refused += 1;
      }
      return current;
    },
    get accepted() {
      return accepted;
    },
    get refused() {
      return refused;
    },
  };
}
