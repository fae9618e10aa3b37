import {
  type BranchOp,
  type CompactResult,
  type DeleteResult,
  EtcdError,
  type Outcome,
  type PutResult,
  type RangeResult,
  type TxnOp,
  type TxnResult,
} from "@etcdkit/core";
import type {
  CompactionResponse,
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  ResponseOp,
  TxnResponse,
} from "@etcdkit/core/protocol";
import { headerOf } from "@etcdkit/core/spi";

/**
 * The answer to a range; an absent one, as a stream may send, is an empty one.
 *
 * @param outcome - What is known of the writes beside it, if there are any.
 */
export function decodeRange(message: RangeResponse | undefined, outcome?: Outcome): RangeResult {
  if (message === undefined) return { header: headerOf({}), kvs: [], more: false, count: 0 };
  const { kvs, more, count } = message;
  return { header: headerOf(message), kvs, more, count: toCount(count, "count", outcome) };
}

/** The answer to a put. */
export function decodePut(message: PutResponse): PutResult {
  const header = headerOf(message);
  const { prevKv } = message;
  return prevKv === undefined ? { header } : { header, prevKv };
}

/** The answer to a deletion. */
export function decodeDelete(message: DeleteRangeResponse): DeleteResult {
  const { deleted, prevKvs } = message;
  return { header: headerOf(message), deleted: toCount(deleted, "deleted", "unknown"), prevKvs };
}

/** The answer to a compaction. */
export function decodeCompact(message: CompactionResponse): CompactResult {
  return { header: headerOf(message) };
}

/**
 * The answer to a transaction. What the types promise is checked: one answer to each operation, of its kind.
 *
 * @throws `EtcdError` `PROTOCOL` when the server breaks the promise. Its outcome is unknown; most likely it was applied.
 */
export function decodeTxn(op: TxnOp, message: TxnResponse): TxnResult {
  const { succeeded, responses } = message;
  const asked = succeeded ? op.success : op.failure;
  if (responses.length !== asked.length) {
    throw broken(
      `the server answered ${responses.length} of ${asked.length} operations of a transaction`,
      "unknown",
    );
  }
  const decoded = responses.map((response, i) => decodeBranch(asked[i], response));
  return { header: headerOf(message), succeeded, responses: decoded };
}

function decodeBranch(
  op: BranchOp | undefined,
  { response }: ResponseOp,
): RangeResult | PutResult | DeleteResult | TxnResult {
  if (op?.type === "range" && response.case === "responseRange")
    return decodeRange(response.value, "unknown");
  if (op?.type === "put" && response.case === "responsePut") return decodePut(response.value);
  if (op?.type === "delete" && response.case === "responseDeleteRange") return decodeDelete(response.value);
  if (op?.type === "txn" && response.case === "responseTxn") return decodeTxn(op, response.value);
  throw broken(
    `the server answered a ${op?.type} in a transaction with ${response.case ?? "nothing"}`,
    "unknown",
  );
}

function toCount(value: bigint, name: string, outcome: Outcome | undefined): number {
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 0) {
    throw broken(`the server sent an impossible ${name}`, outcome);
  }
  return count;
}

function broken(what: string, outcome: Outcome | undefined): EtcdError {
  return new EtcdError("PROTOCOL", what, { outcome });
}
