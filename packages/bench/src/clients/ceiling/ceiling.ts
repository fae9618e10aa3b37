import { type DescMessage, type DescMethodUnary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { KV } from "@etcdkit/core/protocol";
import type { Driver } from "../driver.js";
import { getRequest, putRequest, rangeRequest, txnRequest } from "../requests.js";
import { type PreparedRequest, prepareRequest } from "./frames.js";
import { RawConnection } from "./raw-connection.js";

/**
 * What is left when there is no client: every request is encoded once, at its first use, and answers are not decoded.
 * One promise per call remains, since that is how a program waits.
 */
export async function openCeiling(endpoint: string): Promise<Driver> {
  const { hostname, port, host } = new URL(endpoint);
  const connection = await RawConnection.open(hostname, Number(port));

  function prepare<I extends DescMessage>(
    method: DescMethodUnary<I, DescMessage>,
    request: MessageShape<I>,
  ): PreparedRequest {
    const path = `/${method.parent.typeName}/${method.name}`;
    return prepareRequest(host, path, toBinary(method.input, request));
  }

  const get = remember((key) => prepare(KV.method.range, getRequest(key)));
  const put = remember((key, value: Uint8Array) => prepare(KV.method.put, putRequest(key, value)));
  const range = remember((prefix) => prepare(KV.method.range, rangeRequest(prefix)));
  const txn = remember((_key, keys: readonly string[], value: Uint8Array) =>
    prepare(KV.method.txn, txnRequest(keys, value)),
  );
  return {
    get: (key) => connection.send(get(key)),
    put: (key, value) => connection.send(put(key, value)),
    txn: (keys, value) => connection.send(txn(keys[0], keys, value)),
    range: (prefix) => connection.send(range(prefix)),
    async close() {
      connection.close();
    },
  };
}

/** Keeps a request by its key. One measurement writes one value, and to the same keys together, so that is enough. */
function remember<Rest extends readonly unknown[]>(
  make: (key: string, ...rest: Rest) => PreparedRequest,
): (key: string, ...rest: Rest) => PreparedRequest {
  const known = new Map<string, PreparedRequest>();
  return (key, ...rest) => {
    const found = known.get(key) ?? make(key, ...rest);
    known.set(key, found);
    return found;
  };
}
