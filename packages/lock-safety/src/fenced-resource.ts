import type { Kind } from "./messages.js";

/**
 * A resource outside of etcd that knows of the lock only the tokens that it is shown: it refuses one that is older than
 * another, but among those who share.
 */
export interface FencedResource {
  /**
   * Whether a write with this token was taken.
   *
   * @param shared - Whether it is a reader's.
   */
  write(kind: Kind, shared: boolean, token: string): boolean;
  readonly accepted: number;
  readonly refused: number;
}

export function createFencedResource(): FencedResource {
  /** Of all, and of those who do not share. */
  const highest = new Map<Kind, { readonly all: bigint; readonly alone: bigint }>();
  let [accepted, refused] = [0, 0];
  return {
    write(kind, shared, text) {
      const token = BigInt(text);
      const { all, alone } = highest.get(kind) ?? { all: 0n, alone: 0n };
      const current = token >= (shared ? alone : all);
      if (current) {
        highest.set(kind, { all: token > all ? token : all, alone: shared ? alone : token });
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
