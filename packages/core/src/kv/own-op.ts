/** Returns what it is given, so that a subclass puts its private field onto that. */
class Given {
  constructor(value: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the point of it
    return value;
  }
}

/**
 * The mark of ops that our builders made, whose bytes are copies already: a transaction copies no others. A private field
 * costs a tenth of a `WeakSet`, and nobody can see it, forge it or hand it on: a spread of the op is without it.
 */
class Own extends Given {
  readonly #own = true;

  static has(op: object): boolean {
    return #own in op;
  }
}

/** Marks an op that holds nothing of its caller's. */
export function markOwn<O extends object>(op: O): O {
  new Own(op);
  return op;
}

/** Whether an op is one of our builders', as they made it. */
export function isOwn(op: object): boolean {
  return Own.has(op);
}
