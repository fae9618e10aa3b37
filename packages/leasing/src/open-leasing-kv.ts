import {
  type BytesLike,
  type CallOptions,
  type Kv,
  type KvExecutor,
  kvFrom,
  type Leases,
  type Op,
  type RangeOp,
  type RangeResult,
  type ResultOf,
  systemClock,
  type TxnOp,
  type TxnResult,
  type WatchOpener,
} from "@etcdkit/core";
import { checkKv, checkLeases, checkOptions, checkServices, checkWatcher, toBytes } from "@etcdkit/core/spi";
import { LeasingKeys } from "./leasing-keys.js";
import { type LeasingOptions, leasingTable } from "./leasing-options.js";
import type { LeasingGround } from "./leasing-session.js";
import { Reads } from "./reads.js";
import { SessionKeeper } from "./session-keeper.js";
import { closed, type Purpose, TimeLimit } from "./time-limit.js";
import { WriteGates } from "./write-gates.js";
import { checkSize, planOf } from "./write-plan.js";
import { Writes } from "./writes.js";

/** The services that a {@link LeasingKv} is built on, of one cluster and one namespace. */
export interface LeasingServices {
  readonly kv: KvExecutor;
  readonly leases: Leases;
  readonly watcher: WatchOpener;
}

/** What a {@link LeasingKv} has done so far, and what it has at the moment. */
export interface LeasingStats {
  /** Reads of one key, and transactions, that were answered from memory. */
  readonly hits: number;
  /** Reads of the newest state of one key that the server answered while keys could be owned. */
  readonly misses: number;
  /** How many keys are owned, existing or not. */
  readonly ownedKeys: number;
  /** How much memory they take, in bytes; roughly. */
  readonly ownedBytes: number;
}

/** A `Kv` that answers reads of keys which it owns from memory. */
export interface LeasingKv extends Kv, AsyncDisposable {
  /** How well memory has served so far, and what it holds at this moment. */
  stats(): LeasingStats;
  /**
   * Gives up all keys by revoking the lease, and waits until nothing of that is under way any more, at most for the lease's
   * time to live and 10 s. Calls that wait, and later ones, reject with `CLOSED`; what the server was sent before goes on.
   * Idempotent, and never rejects: a lease that cannot be revoked expires.
   */
  close(): Promise<void>;
}

/**
 * Opens a `Kv` that owns what it reads. A key that this client has read is *leased*: every other leasing client with the same
 * prefix asks before it writes the key, and waits until this one has let go. So further reads of it are answered from memory,
 * and are as linearizable as those that the server answers, for as long as the lease is certain to live.
 *
 * All who write the keys must do so through a leasing client with the same prefix, of this package or Go's
 * `clientv3/leasing`. Writes that go past it are not seen.
 *
 * @param services - Of one cluster and one namespace. They stay open when the leasing client is closed.
 * @param prefix - Where it is written down who owns a key: at `prefix` + key. Not empty, and nothing else lies there. It is
 *   what all clients have to agree on.
 * @throws (rejects) `TypeError`, `RangeError` for bad arguments, `TypeError` for services of different namespaces; `EtcdError`
 *   when no lease is granted or the leasing keys cannot be watched; `options.signal.reason`.
 * @see etcd client/v3/leasing
 */
export async function openLeasingKv(
  services: LeasingServices,
  prefix: BytesLike,
  options: LeasingOptions = {},
): Promise<LeasingKv> {
  checkOptions(leasingTable, options);
  checkServices(services, "services", { kv: checkKv, leases: checkLeases, watcher: checkWatcher });
  const { kv, leases, watcher } = services;
  const keys = new LeasingKeys(toBytes(prefix, "prefix"));
  if (keys.prefix.length === 0) throw new RangeError("prefix must not be empty");
  const { signal, clock = systemClock } = options;
  signal?.throwIfAborted();

  const life = new AbortController();
  const ground: LeasingGround = {
    ...{ kv, leases, watcher, keys, clock, life: life.signal },
    ttlSeconds: options.ttlSeconds ?? 10,
    maxKeys: options.maxKeys ?? 100_000,
    maxBytes: options.maxBytes ?? 64 * 1024 * 1024,
    doubtedUpTo: 0n,
  };
  const gates = new WriteGates();
  const sessions = await whileNotAborted(signal, life, () => SessionKeeper.start(ground, life));
  const purpose: Purpose = { clock, life: life.signal, defaultMs: options.waitTimeoutMs ?? 30_000 };
  const reads = new Reads(ground, gates, sessions, purpose);
  const writes = new Writes(ground, gates, sessions);
  const writing: Purpose = { ...purpose, outcome: "not-applied" };
  const maxTxnOps = options.maxTxnOps ?? 64;

  async function txn(op: TxnOp, call: CallOptions | undefined): Promise<TxnResult> {
    checkSize(op, maxTxnOps);
    const plan = planOf(op);
    const mayWrite = plan.keys.size + plan.ranges.length > 0;
    const limit = new TimeLimit(mayWrite ? writing : purpose, call);
    const local = await reads.txn(op, call, limit);
    if (local !== undefined) return local;
    if (mayWrite) return await writes.execute(op, plan, limit);
    const result = await kv.execute(op, limit.step());
    reads.note(result.header);
    return result;
  }

  function carryOut(op: Op, call: CallOptions | undefined): Promise<ResultOf<Op>> {
    if (life.signal.aborted) throw closed(life.signal, op.type === "range" ? undefined : "not-applied");
    switch (op.type) {
      case "range":
        return reads.range(op, call);
      case "put":
      case "delete":
        return writes.execute(op, planOf(op), new TimeLimit(writing, call));
      case "txn":
        return txn(op, call);
      default:
        return kv.execute(op, call);
    }
  }

  const { keyPrefix } = kv;
  const close = (): Promise<void> => sessions.close();
  const open = kv.stream?.bind(kv);
  return {
    ...kvFrom({
      ...(keyPrefix !== undefined && { keyPrefix }),
      // Each op gets the answer of its own kind; the compiler cannot follow that through the type parameter.
      execute: <O extends Op>(op: O, call?: CallOptions) => carryOut(op, call) as Promise<ResultOf<O>>,
      ...(open !== undefined && {
        stream(op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult> {
          if (life.signal.aborted) throw closed(life.signal);
          return open(op, call);
        },
      }),
    }),
    stats: () => ({
      hits: reads.hits,
      misses: reads.misses,
      ownedKeys: sessions.current?.entries.size ?? 0,
      ownedBytes: sessions.current?.entries.bytes ?? 0,
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Lets the caller's signal end an opening, and nothing after it. */
async function whileNotAborted<T>(
  signal: AbortSignal | undefined,
  life: AbortController,
  open: () => Promise<T>,
): Promise<T> {
  const onAbort = (): void => life.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const opened = await open();
    life.signal.throwIfAborted();
    return opened;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
