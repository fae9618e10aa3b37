import {
  type CallOptions,
  type Clock,
  isEtcdError,
  type Kv,
  type KvExecutor,
  kvFrom,
  type Op,
  type RangeOp,
  type RangeResult,
  type ResultOf,
  systemClock,
} from "@etcdkit/core";
import {
  checkClock,
  checkFunction,
  checkKv,
  checkOptions,
  isRead,
  optionTable,
  type ReadOp,
} from "@etcdkit/core/spi";
import { pinnedRevision } from "./reads.js";
import { giveUp, type OnStale, Search } from "./search.js";

/** Options of {@link withOrdering}. */
export interface OrderingOptions {
  /**
   * What becomes of a read that was answered from the past. Left out: it is repeated, each time at a member that was not
   * asked yet, until all were asked five times over; then it rejects with `NO_GREATER_REV`.
   */
  readonly onStale?: OnStale | undefined;
  /** Where time comes from. Default: the monotonic clock of the process. For tests. */
  readonly clock?: Clock | undefined;
}

const table = optionTable("withOrdering", { onStale: checkFunction, clock: checkClock });

/**
 * A store whose reads never go back: no answer is of an older revision than any that this store had answered with before the
 * read began, writes included, so that a program reads what it wrote. What it is for are `serializable` reads, which any
 * member answers from what it has; linearizable ones are in order anyway.
 *
 * A read that is answered from the past is repeated at another member, as {@link OrderingOptions.onStale} decides; after
 * each round over all members there is a pause of 25 to 50 ms, twice as long each time, at most 1 s. `call.timeoutMs` limits
 * all of it, the handler included; where it is left out, nothing is repeated after 10 s. `call.signal` ends it at any moment.
 * Repeated are ranges, and transactions that only read.
 * Whatever may write is asked for once and its answer returned as it is; all members agree on its place in the order.
 *
 * A read of the past (`revision`) has its data from there, but its answer is of the revision in its header.
 *
 * Each store remembers one revision of its own: two on one connection know nothing of each other. After a cluster was
 * restored from a backup, all its members are behind it: make a new one.
 *
 * @param kv - The store, or a decorator of it. To move away from a member, it must end at a connection of `@etcdkit/core`;
 *   over any other transport a read is repeated wherever that sends it, six times at most by default.
 * @throws `TypeError` for what is no `Kv`, or options that cannot be used. Reads reject with `EtcdError` `NO_GREATER_REV`, with `DEADLINE`, or
 *   with what `onStale` throws.
 * @see etcd, client/v3/ordering
 */
export function withOrdering(kv: KvExecutor, options: OrderingOptions = {}): Kv {
  checkKv(kv, "kv");
  checkOptions(table, options);
  const { onStale = giveUp, clock = systemClock } = options;
  let seen = 0n;

  const see = (revision: bigint): void => {
    if (revision > seen) seen = revision;
  };

  function carryOut(op: Op, call: CallOptions | undefined): Promise<ResultOf<Op>> {
    return isRead(op) ? read(op, call) : write(op, call);
  }

  async function write(op: Op, call: CallOptions | undefined): Promise<ResultOf<Op>> {
    const result = await kv.execute(op, call);
    see(result.header.revision);
    return result;
  }

  async function read(op: ReadOp, given: CallOptions | undefined): Promise<ResultOf<ReadOp>> {
    const search = new Search(seen, given, clock, onStale);
    let call = search.first;
    while (true) {
      const result = await kv.execute(op, call).catch(unlessBehind(search.floor, pinnedRevision(op)));
      const { revision, memberId } = result?.header ?? {};
      if (result !== undefined && revision !== undefined && revision >= search.floor) {
        see(revision);
        return result;
      }
      call = await search.another(revision, memberId);
    }
  }

  /**
   * The chunks of a range are read at one revision that is not behind: chosen first, since a stream tells its own only at
   * its end. The data is then the same at every member.
   */
  async function* chunks(
    open: NonNullable<KvExecutor["stream"]>,
    op: RangeOp,
    given: CallOptions | undefined,
  ): AsyncGenerator<RangeResult, void, undefined> {
    const probe: RangeOp = { type: "range", key: op.key, serializable: op.serializable, countOnly: true };
    const revision = op.revision ?? (await read(probe, given)).header.revision;
    const search = new Search(seen, given, clock, onStale);
    let call = search.first;
    while (true) {
      let begun = false;
      try {
        for await (const chunk of open({ ...op, revision }, call)) {
          begun = true;
          const at = chunk.header.revision;
          // Before the last chunk headers are empty. One of the past belongs to data that is right: only it is renewed.
          const behind = at !== 0n && at < search.floor;
          see(at);
          yield behind ? { ...chunk, header: (await read(probe, given)).header } : chunk;
        }
        return;
      } catch (error) {
        if (begun) throw error;
        unlessBehind(search.floor, revision)(error);
      }
      // The time of the call is that of each chunk, and not of all.
      call = { ...(await search.another(undefined, undefined)), timeoutMs: given?.timeoutMs };
    }
  }

  const open = kv.stream?.bind(kv);
  const { keyPrefix } = kv;
  return kvFrom({
    ...(keyPrefix !== undefined && { keyPrefix }),
    // The answer to an op is of the kind of the op; the compiler cannot follow that through the type parameter.
    execute: <O extends Op>(op: O, call?: CallOptions) => carryOut(op, call) as Promise<ResultOf<O>>,
    ...(open !== undefined && {
      stream: (op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult> => chunks(open, op, call),
    }),
  });
}

/** Lets through no error but that of a member that has not come to a revision that another one has. */
function unlessBehind(floor: bigint, pinned: bigint | undefined): (error: unknown) => undefined {
  return (error) => {
    const behind = isEtcdError(error, "FUTURE_REV") && pinned !== undefined && pinned <= floor;
    if (!behind) throw error;
    return undefined;
  };
}
