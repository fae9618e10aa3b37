import {
  type BytesLike,
  type CallOptions,
  type Kv,
  type KvExecutor,
  kvFrom,
  type Op,
  type RangeOp,
  type RangeResult,
  type ResultOf,
} from "@etcdkit/core";
import { checkKv } from "@etcdkit/core/spi";
import { KeyPrefix } from "./key-prefix.js";
import { innerRange, innerResult, outerOp, outerRange, withOutcome } from "./translate.js";

/**
 * The part of a store whose keys begin with a prefix, as a store of its own: users neither write the prefix nor see it, and
 * name no key outside, whatever they ask for. A read of everything reads the namespace; `delete({ from: "\0" })` empties it.
 *
 * The bare prefix is outside, since it would be the empty key: `EMPTY_KEY`, without a request, also in transactions.
 * Revisions, and so `header.revision`, count the writes of the whole store. `compact` passes through and drops the
 * history of **all** keys.
 *
 * It keeps programs apart, not users: whoever may connect may do without it. Give each tenant a user of its own, with
 * permission for `{ prefix }`.
 *
 * @param kv - The store, or a decorator of it; another namespace, for instance, of which this one is then a part.
 * @param prefix - Not empty. Nothing is added to it: mind the separator, since keys of `"app"` and of `"app2"` may be the
 *   same (`"app" + "2x"`, `"app2" + "x"`).
 * @throws `TypeError` for what is no `Kv`, or a prefix that cannot be used.
 */
export function namespaceKv(kv: KvExecutor, prefix: BytesLike): Kv {
  checkKv(kv, "kv");
  const own = new KeyPrefix(prefix);

  async function carryOut(op: Op, call: CallOptions | undefined): Promise<ResultOf<Op>> {
    const result = await kv.execute(translated(op), call);
    try {
      return innerResult(own, result);
    } catch (error) {
      throw withOutcome(error, op, "unknown");
    }
  }

  function translated(op: Op): Op {
    try {
      return outerOp(own, op);
    } catch (error) {
      throw withOutcome(error, op, "not-applied");
    }
  }

  async function* chunks(from: AsyncIterable<RangeResult>): AsyncGenerator<RangeResult, void, undefined> {
    for await (const chunk of from) yield innerRange(own, chunk);
  }

  const open = kv.stream?.bind(kv);
  return kvFrom({
    keyPrefix: own.within(kv),
    // The answer to an op is of the kind of the op; the compiler cannot follow that through the type parameter.
    execute: <O extends Op>(op: O, call?: CallOptions) => carryOut(op, call) as Promise<ResultOf<O>>,
    ...(open !== undefined && {
      stream: (op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult> =>
        chunks(open(outerRange(own, op), call)),
    }),
  });
}
