import {
  type BytesLike,
  type CallOptions,
  compare,
  compareBytes,
  concatBytes,
  type DeleteOp,
  type KeyValue,
  type KvExecutor,
  kvFrom,
  op,
  type PutOp,
  prefixEnd,
} from "@etcdkit/core";
import {
  callChecks,
  callOf,
  checkBytesLike,
  checkFlag,
  checkId,
  checkOptions,
  checkPositiveInteger,
  checkRevision,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";

/** Options of {@link KubernetesClient.get}. */
export interface KubernetesGetOptions extends CallOptions {
  /** Reads as of this revision. Left out: the newest. */
  readonly revision?: bigint | undefined;
}

/** Answer of {@link KubernetesClient.get}. */
export interface KubernetesGetResult {
  /** Absent when the key does not exist. */
  readonly kv?: KeyValue | undefined;
  /** Revision of the store when it answered. */
  readonly revision: bigint;
}

/** Options of {@link KubernetesClient.list}. */
export interface KubernetesListOptions extends CallOptions {
  /** Reads as of this revision. Left out: the newest. Set it to the first page's to read all pages of one revision. */
  readonly revision?: bigint | undefined;
  /** At most this many keys. Left out: all. */
  readonly limit?: number | undefined;
  /** Where to go on: `continue` of the page before. */
  readonly continue?: BytesLike | undefined;
}

/** One page of {@link KubernetesClient.list}. */
export interface KubernetesListResult {
  /** Ascending by key. */
  readonly kvs: readonly KeyValue[];
  /** How many keys there are from the start of this page on, this page included. */
  readonly count: number;
  /** Revision of the store when it answered. */
  readonly revision: bigint;
  /** Where the next page starts; absent when this page is the last. */
  readonly continue?: Uint8Array | undefined;
}

/** Options of {@link KubernetesClient.optimisticDelete}. */
export interface OptimisticDeleteOptions extends CallOptions {
  /** When the object was changed by somebody else, answer with what it is now. Default `false`. */
  readonly getOnFailure?: boolean | undefined;
}

/** Options of {@link KubernetesClient.optimisticPut}. */
export interface OptimisticPutOptions extends OptimisticDeleteOptions {
  /** Ties the key to this lease. */
  readonly leaseId?: bigint | undefined;
}

/** Answer of an optimistic write. */
export interface OptimisticResult {
  /** Whether the object was as expected, and the write done. */
  readonly succeeded: boolean;
  /** Revision of the write; of the store when it was not done. */
  readonly revision: bigint;
  /** With `getOnFailure`, what was there instead; absent when the object does not exist. */
  readonly kv?: KeyValue | undefined;
}

/** See {@link createKubernetesClient}. Bad arguments reject with `TypeError` or `RangeError`, failures as those of `Kv`. */
export interface KubernetesClient {
  /** Reads one key. */
  get(key: BytesLike, options?: KubernetesGetOptions): Promise<KubernetesGetResult>;
  /** Reads the keys with a prefix, in pages if asked for. The empty prefix: all keys. */
  list(prefix: BytesLike, options?: KubernetesListOptions): Promise<KubernetesListResult>;
  /** Counts the keys with a prefix. */
  count(prefix: BytesLike, call?: CallOptions): Promise<number>;
  /**
   * Writes the key if its last write was at `expectedRevision`.
   *
   * @param expectedRevision - The `modRevision` that the caller has seen; `undefined`, as in `kv?.modRevision` of a key
   * that was not there: the key must not exist. Never `0n`.
   */
  optimisticPut(
    key: BytesLike,
    value: BytesLike,
    expectedRevision: bigint | undefined,
    options?: OptimisticPutOptions,
  ): Promise<OptimisticResult>;
  /** Deletes the key if its last write was at `expectedRevision`. */
  optimisticDelete(
    key: BytesLike,
    expectedRevision: bigint,
    options?: OptimisticDeleteOptions,
  ): Promise<OptimisticResult>;
}

const tables = {
  list: optionTable("list", {
    revision: checkRevision,
    limit: checkPositiveInteger,
    continue: () => undefined, // read by startOf
    ...callChecks,
  }),
  get: optionTable("get", { revision: checkRevision, ...callChecks }),
  count: optionTable("count", callChecks),
  optimisticPut: optionTable("optimisticPut", { leaseId: checkId, getOnFailure: checkFlag, ...callChecks }),
  optimisticDelete: optionTable("optimisticDelete", { getOnFailure: checkFlag, ...callChecks }),
} as const;

/**
 * The operations that Kubernetes needs of etcd, over any `Kv` or executor; what decorates that, a namespace for
 * instance, holds here too.
 *
 * Source: etcd's client/v3/kubernetes.
 */
export function createKubernetesClient(executor: KvExecutor): KubernetesClient {
  const kv = kvFrom(executor);

  async function attempt(
    write: PutOp | DeleteOp,
    key: BytesLike,
    expectedRevision: bigint | undefined,
    options: OptimisticDeleteOptions | undefined,
  ): Promise<OptimisticResult> {
    const unchanged = compare.modRevision(key).equals(expectedRevision ?? 0n);
    const result = await kv.txn(
      {
        compare: [unchanged],
        success: [write],
        failure: options?.getOnFailure === true ? [op.range(key)] : [],
      },
      callOf(options),
    );
    const { revision } = result.header;
    if (result.succeeded) return { succeeded: true, revision };
    const current = result.responses[0]?.kvs[0];
    return current === undefined
      ? { succeeded: false, revision }
      : { succeeded: false, revision, kv: current };
  }

  return {
    async get(key, options) {
      checkOptions(tables.get, options);
      const { header, kvs } = await kv.range(oneKey(key), options);
      const [found] = kvs;
      return found === undefined ? { revision: header.revision } : { kv: found, revision: header.revision };
    },

    async list(prefix, options) {
      checkOptions(tables.list, options);
      const { continue: from, ...rest } = options ?? {};
      const range = pageOf(prefix, from);
      const { kvs, count, more, header } = await kv.range(range, rest);
      const last = kvs.at(-1);
      const page = { kvs, count, revision: header.revision };
      return more && last !== undefined
        ? { ...page, continue: concatBytes(last.key, new Uint8Array(1)) }
        : page;
    },

    async count(prefix, call) {
      checkOptions(tables.count, call);
      return (await kv.range({ prefix }, { ...call, countOnly: true })).count;
    },

    async optimisticPut(key, value, expectedRevision, options) {
      checkOptions(tables.optimisticPut, options);
      if (expectedRevision !== undefined) checkRevision(expectedRevision, "expectedRevision");
      const write = op.put(oneKey(key), value, { leaseId: options?.leaseId });
      return await attempt(write, key, expectedRevision, options);
    },

    async optimisticDelete(key, expectedRevision, options) {
      checkOptions(tables.optimisticDelete, options);
      checkRevision(expectedRevision, "expectedRevision");
      return await attempt(op.delete(oneKey(key)), key, expectedRevision, options);
    },
  };
}

function oneKey(key: BytesLike): BytesLike {
  checkBytesLike(key, "key");
  return key;
}

/** The range of a page. A `continue` that lies outside of the prefix would list keys that were not asked for. */
function pageOf(
  prefix: BytesLike,
  from: BytesLike | undefined,
): { readonly prefix: BytesLike } | { readonly from: BytesLike; readonly to?: BytesLike | undefined } {
  if (from === undefined) return { prefix };
  const [first, start] = [toBytes(prefix, "prefix"), toBytes(from, "continue")];
  if (compareBytes(start.subarray(0, first.length), first) !== 0) {
    throw new RangeError("continue must begin with the prefix");
  }
  const end = prefixEnd(first);
  const open = end.length === 1 && end[0] === 0;
  return open ? { from: start } : { from: start, to: end };
}
