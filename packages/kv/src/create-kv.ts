import {
  type CallOptions,
  type Connection,
  type Kv,
  kvFrom,
  type Op,
  type RangeOp,
  type RangeResult,
  type ResultOf,
} from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import { callUnary } from "@etcdkit/core/spi";
import { decodeCompact, decodeDelete, decodePut, decodeRange, decodeTxn } from "./decode.js";
import { encodeCompact, encodeDelete, encodePut, encodeRange, encodeTxn } from "./encode.js";
import { streamRange } from "./stream-range.js";

/**
 * The key-value service of etcd over a connection. It holds nothing of its own: closing the connection is all there is
 * to close.
 *
 * @param connection - What `connect` returned, or anything with a transport that rejects as a connection's does.
 */
export function createKv(connection: Pick<Connection, "transport">): Kv {
  const { transport } = connection;

  function carryOut(op: Op, call: CallOptions | undefined): Promise<ResultOf<Op>> {
    switch (op.type) {
      case "range":
        return callUnary(transport, KV.method.range, encodeRange(op), call).then(decodeRange);
      case "put":
        return callUnary(transport, KV.method.put, encodePut(op), call).then(decodePut);
      case "delete":
        return callUnary(transport, KV.method.deleteRange, encodeDelete(op), call).then(decodeDelete);
      case "txn":
        return callUnary(transport, KV.method.txn, encodeTxn(op), call).then((answer) =>
          decodeTxn(op, answer),
        );
      case "compact":
        return callUnary(
          transport,
          KV.method.compact,
          encodeCompact(op),
          call,
          compactTimeout(op.physical, call),
        ).then(decodeCompact);
      default:
        throw new TypeError("op must be a range, put, delete, txn or compact op");
    }
  }

  return kvFrom({
    // Each op gets the answer of its own kind; the compiler cannot follow that through the type parameter.
    execute: <O extends Op>(op: O, call?: CallOptions) => carryOut(op, call) as Promise<ResultOf<O>>,
    stream: (op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult> => streamRange(transport, op, call),
  });
}

/** Freeing storage takes as long as it takes. */
function compactTimeout(physical: boolean | undefined, call: CallOptions | undefined): number | undefined {
  return call?.timeoutMs ?? (physical === true ? Number.POSITIVE_INFINITY : undefined);
}
