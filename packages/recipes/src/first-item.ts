import { compareBytes, type KeyRange, type KeyValue, type Kv } from "@etcdkit/core";

/** The items of a queue, seen from their front. */
export interface FirstItem {
  readonly range: KeyRange;
  /** Reads the first item, if there is one, and tells at which revision that was so. */
  read(signal: AbortSignal): Promise<{ readonly revision: bigint; readonly first?: KeyValue | undefined }>;
  /** Takes note that an item is not there any more as it was read. */
  gone(item: KeyValue): void;
}

const forever = Number.POSITIVE_INFINITY;

/** The first item by its key. */
export function firstByKey(kv: Kv, range: KeyRange): FirstItem {
  return {
    range,
    async read(signal) {
      const { header, kvs } = await kv.range(range, { first: "key", signal, timeoutMs: forever });
      return { revision: header.revision, first: kvs[0] };
    },
    gone: () => undefined,
  };
}

// From this length on it pays to read more keys at once than one.
const longQueue = 100;
const pageSize = 500;

/**
 * The first item by the revision of its last write. etcd has no index of those and looks at every item, so the keys of the
 * oldest items of a long queue are remembered: whatever is written later comes behind them, and those of them that are still
 * there as they were are still the oldest, whoever takes items meanwhile.
 */
export function firstByAge(kv: Kv, range: KeyRange): FirstItem {
  let oldest: KeyValue[] = [];
  /** Whether the queue was long when all of it was looked at last. */
  let long = false;

  function gone(item: KeyValue): void {
    const [head] = oldest;
    if (head?.modRevision === item.modRevision && compareBytes(head.key, item.key) === 0) oldest.shift();
  }

  return {
    range,
    gone,
    async read(signal) {
      const call = { signal, timeoutMs: forever };
      while (true) {
        for (let [head] = oldest; head !== undefined; [head] = oldest) {
          const { header, kvs } = await kv.range(head.key, call);
          if (kvs[0]?.modRevision === head.modRevision) return { revision: header.revision, first: kvs[0] };
          gone(head);
        }
        if (!long) {
          const { header, kvs, count } = await kv.range(range, { first: "modified", ...call });
          long = count > longQueue;
          return { revision: header.revision, first: kvs[0] };
        }
        const page = { sort: { by: "modified" }, limit: pageSize, keysOnly: true } as const;
        const { header, kvs, count } = await kv.range(range, { ...page, ...call });
        long = count > longQueue;
        if (kvs.length === 0) return { revision: header.revision };
        oldest = [...kvs];
      }
    },
  };
}
