import {
  type BranchOp,
  type Compare,
  type CompareRelation,
  compareBytes,
  type RangeResult,
  type ResponseHeader,
  type TxnOp,
  type TxnResult,
} from "@etcdkit/core";
import { answerRange, copyHeader, innerHeader } from "./answer.js";
import type { Entry } from "./entries.js";
import { isRange } from "./leasing-keys.js";

/** What is in memory of a key; `undefined` where the server has to be asked. */
export type Look = (key: Uint8Array) => Entry | undefined;

/**
 * Answers a transaction from memory: when all that it compares, and all that the list reads which is done then, is owned.
 * Nothing may come between the looks, so this does not wait for anything.
 *
 * @returns `undefined` when the server has to be asked.
 */
export function answerTxn(op: TxnOp, look: Look, header: ResponseHeader): TxnResult | undefined {
  const result = evaluate(op, look, header.revision);
  return result && { ...result, header: copyHeader(header) };
}

function evaluate(op: TxnOp, look: Look, revision: bigint): TxnResult | undefined {
  let succeeded = true;
  for (const compare of op.compare) {
    const entry = isRange(compare) ? undefined : look(compare.key);
    if (entry === undefined) return undefined;
    if (!holds(compare, entry)) succeeded = false;
  }
  const responses: (RangeResult | TxnResult)[] = [];
  for (const one of succeeded ? op.success : op.failure) {
    const response = answerRead(one, look, revision);
    if (response === undefined) return undefined;
    responses.push(response);
  }
  return { header: innerHeader(revision), succeeded, responses };
}

function answerRead(op: BranchOp, look: Look, revision: bigint): RangeResult | TxnResult | undefined {
  if (op.type === "txn") return evaluate(op, look, revision);
  if (op.type !== "range" || isRange(op) || op.revision !== undefined) return undefined;
  const entry = look(op.key);
  return entry && answerRange(op, innerHeader(revision), entry.pair);
}

/** The server's rules: of a missing key every number is 0, and no compare of its value holds. */
function holds(compare: Compare, { pair }: Entry): boolean {
  if (compare.target === "value") {
    return pair !== undefined && relates(compareBytes(pair.value, compare.operand), compare.relation);
  }
  const actual = pair?.[compare.target] ?? 0n;
  const order = actual < compare.operand ? -1 : Number(actual > compare.operand);
  return relates(order, compare.relation);
}

function relates(order: number, relation: CompareRelation): boolean {
  switch (relation) {
    case "equal":
      return order === 0;
    case "notEqual":
      return order !== 0;
    case "greater":
      return order > 0;
    case "less":
      return order < 0;
  }
}
