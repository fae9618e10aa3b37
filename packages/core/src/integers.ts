const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;

/** Refuses what is no signed 64-bit integer, the type of etcd's revisions, versions and lease ids. */
export function checkInt64(value: unknown, name: string): asserts value is bigint {
  if (typeof value !== "bigint") throw new TypeError(`${name} must be a bigint`);
  if (value < minInt64 || value > maxInt64) throw new RangeError(`${name} must fit in 64 bits`);
}

/** Refuses what is no revision of a store: etcd counts them from 1. */
export function checkRevision(value: unknown, name: string): asserts value is bigint {
  checkInt64(value, name);
  if (value === 0n) throw new RangeError(`${name} must not be 0n: leave it out`);
  if (value < 0n) throw new RangeError(`${name} must be positive`);
}

/** Refuses what identifies nothing: on the wire a zero stands for "none". */
export function checkId(value: unknown, name: string): asserts value is bigint {
  checkInt64(value, name);
  if (value === 0n) throw new RangeError(`${name} must not be 0n: leave it out`);
}

/** Refuses what identifies no member: unlike other ids theirs are unsigned, and half of them need the 64th bit. */
export function checkMemberId(value: unknown, name: string): asserts value is bigint {
  if (typeof value !== "bigint") throw new TypeError(`${name} must be a bigint`);
  if (value === 0n) throw new RangeError(`${name} must not be 0n: no member has that id`);
  if (value < 0n || value > maxUint64) throw new RangeError(`${name} must fit in 64 bits without a sign`);
}

/** Refuses what cannot count how many: numbers from 1 that are exact. */
export function checkPositiveInteger(value: unknown, name: string): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (value === 0) throw new RangeError(`${name} must not be 0: leave it out`);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} must be a positive integer`);
}
