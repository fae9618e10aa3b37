import { concatBytes } from "../bytes.js";
import { EtcdError, isEtcdError } from "../errors/etcd-error.js";
import type { KeyValue } from "../gen/mvccpb/kv_pb.js";
import type { WireRange } from "../key-range.js";
import { callOf } from "../options.js";
import type { KvExecutor } from "./kv.js";
import type { RangeOp } from "./op.js";
import type { ScanOptions } from "./op-options.js";
import type { RangeResult } from "./results.js";

const defaultPageSize = 1000;

/** The pages of `Kv.scan`; options and range are checked. */
export async function* scanPages(
  executor: KvExecutor,
  range: WireRange,
  options: ScanOptions = {},
): AsyncGenerator<readonly KeyValue[], void, undefined> {
  const { revision, serializable, keysOnly, pageSize = defaultPageSize } = options;
  const call = callOf(options);
  const whole: RangeOp = {
    type: "range",
    ...range,
    ...(revision !== undefined && { revision }),
    ...(serializable === true && { serializable }),
    ...(keysOnly === true && { keysOnly }),
  };
  // A small range costs one request on any server, and the first answer fixes the revision of all the others.
  const first = await executor.execute({ ...whole, limit: pageSize }, call);
  if (first.kvs.length > 0) yield first.kvs;
  if (!first.more) return;
  let rest: RangeOp = { ...whole, revision: revision ?? first.header.revision, key: keyAfter(first.kvs) };

  if (executor.stream !== undefined) {
    try {
      for await (const { kvs } of executor.stream(rest, call)) {
        if (kvs.length === 0) continue;
        rest = { ...rest, key: keyAfter(kvs) };
        yield kvs;
      }
      return;
    } catch (error) {
      if (!pagesMayHelp(error)) throw error;
    }
  }

  while (true) {
    const page: RangeResult = await executor.execute({ ...rest, limit: pageSize }, call);
    if (page.kvs.length > 0) yield page.kvs;
    if (!page.more) return;
    rest = { ...rest, key: keyAfter(page.kvs) };
  }
}

/** The least key after the last of a page. */
function keyAfter(kvs: readonly KeyValue[]): Uint8Array {
  const last = kvs.at(-1);
  // Asking for the same page again would never end.
  if (last === undefined)
    throw new EtcdError("PROTOCOL", "the server announced more keys without sending any");
  return concatBytes(last.key, new Uint8Array(1));
}

/** Pages can be asked of every server and are repeated on other endpoints; a stream cannot. */
function pagesMayHelp(error: unknown): boolean {
  return isEtcdError(error) && (error.code === "UNIMPLEMENTED" || isTransient(error));
}

function isTransient(error: EtcdError): boolean {
  return error.code === "UNAVAILABLE" || error.grpcCode === "UNAVAILABLE";
}
