/** A stored pair of a service that is left out. */
export interface SkippedEndpoint {
  readonly target: string;
  readonly key: Uint8Array;
  /** Why: the value is no JSON of an endpoint, the key is no UTF-8, or the address is none. */
  readonly cause: unknown;
}

/** Is told of what is left out. What it throws is dropped: one broken entry must not hide the others. */
export type OnSkipped = (skipped: SkippedEndpoint) => void;

/**
 * What is told when nobody asked: a warning of the process, once for each service that is looked at, since a broken entry
 * would come up again and again.
 */
export function warnOnce(): OnSkipped {
  let warned = false;
  return ({ target }) => {
    if (warned) return;
    warned = true;
    process.emitWarning(
      `"${target}" has an entry that cannot be read as an endpoint; it is left out`,
      "EtcdNamingWarning",
    );
  };
}

/** Keeps what the hook throws away from whoever reads endpoints. */
export function guarded(hook: OnSkipped): OnSkipped {
  return (skipped) => {
    try {
      hook(skipped);
    } catch {
      // There is nobody left to tell.
    }
  };
}
