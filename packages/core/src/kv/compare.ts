import { type BytesLike, isBytes, toBytes } from "../bytes.js";
import { checkInt64 } from "../integers.js";
import { type KeyOrRange, toWireRange, type WireRange } from "../key-range.js";
import { checkOneOf } from "../options.js";

/** How the stored attribute has to relate to the operand. */
export type CompareRelation = "equal" | "notEqual" | "greater" | "less";

/** An attribute of a key that is a number. */
export type CompareNumber = "version" | "createRevision" | "modRevision" | "lease";

/**
 * A condition of a transaction, as plain data; made by {@link compare}.
 *
 * Of a key that does not exist, version, revisions and lease count as `0n`, and a compare of its value never holds. A
 * compare over a range holds when it holds for every key in it; a range without keys counts as a missing key.
 *
 * Source: etcd's api/etcdserverpb/rpc.proto, Compare.
 */
export type Compare = WireRange & { readonly relation: CompareRelation } & (
    | { readonly target: "value"; readonly operand: Uint8Array }
    | { readonly target: CompareNumber; readonly operand: bigint }
  );

/** Completes a compare: the attribute of the key has to be … the operand. */
export interface Comparison<Operand> {
  /** The key has this. One that does not exist has 0 for every number, and a value that equals none. */
  readonly equals: (operand: Operand) => Compare;
  /** The key has something else. For a value, it must exist. */
  readonly notEquals: (operand: Operand) => Compare;
  /** Values are compared as bytes, in the order of keys. */
  readonly greaterThan: (operand: Operand) => Compare;
  /** Values are compared as bytes, in the order of keys. */
  readonly lessThan: (operand: Operand) => Compare;
}

function comparison<Operand>(
  complete: (relation: CompareRelation, operand: Operand) => Compare,
): Comparison<Operand> {
  return {
    equals: (operand) => complete("equal", operand),
    notEquals: (operand) => complete("notEqual", operand),
    greaterThan: (operand) => complete("greater", operand),
    lessThan: (operand) => complete("less", operand),
  };
}

function compareNumber(target: CompareNumber, keys: KeyOrRange): Comparison<bigint> {
  const range = toWireRange(keys);
  return comparison((relation, operand) => {
    checkOperand(target, operand);
    return Object.freeze({ target, relation, ...range, operand });
  });
}

function checkOperand(target: CompareNumber, operand: unknown): void {
  checkInt64(operand, target);
  if (target !== "lease" && operand < 0n) throw new RangeError(`${target} must not be negative`);
}

/**
 * Conditions of a transaction: an attribute of a key, or of every key in a range, against an operand.
 *
 * ```ts
 * compare.value("config/mode").equals("on")
 * compare.modRevision("config/mode").lessThan(revision)
 * compare.createRevision({ prefix: "config/" }).greaterThan(0n)
 * ```
 *
 * Every one throws `TypeError` or `RangeError` for bad keys or operands. Results are immutable and hold copies.
 */
export const compare: {
  /** The value, as bytes. Never holds for a key that does not exist. */
  value(keys: KeyOrRange): Comparison<BytesLike>;
  /** How many writes the key has seen since it was created: `1n` when new, `0n` when missing. */
  version(keys: KeyOrRange): Comparison<bigint>;
  /** Revision at which the key was created; `0n` when missing. */
  createRevision(keys: KeyOrRange): Comparison<bigint>;
  /** Revision of the last write of the key; `0n` when missing. */
  modRevision(keys: KeyOrRange): Comparison<bigint>;
  /** Lease that the key is tied to; `0n` for none. Since etcd 3.3. */
  lease(keys: KeyOrRange): Comparison<bigint>;
  /** Holds when the key exists; for a range, when it has any key. */
  exists(keys: KeyOrRange): Compare;
  /** Holds when the key does not exist; for a range, when it has no key. */
  missing(keys: KeyOrRange): Compare;
} = {
  value(keys) {
    const range = toWireRange(keys);
    return comparison((relation, operand) =>
      Object.freeze({ target: "value", relation, ...range, operand: toBytes(operand, "value") }),
    );
  },
  version: (keys) => compareNumber("version", keys),
  createRevision: (keys) => compareNumber("createRevision", keys),
  modRevision: (keys) => compareNumber("modRevision", keys),
  lease: (keys) => compareNumber("lease", keys),
  exists: (keys) => compareNumber("version", keys).greaterThan(0n),
  missing: (keys) => compareNumber("version", keys).equals(0n),
};

const checkTarget = checkOneOf(["value", "version", "createRevision", "modRevision", "lease"]);
const checkRelation = checkOneOf(["equal", "notEqual", "greater", "less"]);

/**
 * Checks a compare and copies it, bytes included: a transaction keeps what it was given, whatever becomes of the bytes
 * of the original.
 */
export function copyCompare(original: Compare, name: string): Compare {
  if (typeof original !== "object" || original === null) throw new TypeError(`${name} must be a compare`);
  checkTarget(original.target, `${name}.target`);
  checkRelation(original.relation, `${name}.relation`);
  if (!isBytes(original.key)) throw new TypeError(`${name}.key must be a Uint8Array`);
  const { relation } = original;
  const range: WireRange = {
    key: toBytes(original.key, `${name}.key`),
    ...(original.rangeEnd !== undefined && { rangeEnd: toBytes(original.rangeEnd, `${name}.rangeEnd`) }),
  };
  if (original.target === "value") {
    const operand = toBytes(original.operand, `${name}.operand`);
    return Object.freeze({ target: "value", relation, ...range, operand });
  }
  const { target, operand } = original;
  checkOperand(target, operand);
  return Object.freeze({ target, relation, ...range, operand });
}
