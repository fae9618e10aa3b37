import {
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { KV } from "@etcdkit/core/protocol";
import { Client, credentials } from "@grpc/grpc-js";
import type { Driver } from "./driver.js";
import { getRequest, putRequest, rangeRequest, txnRequest } from "./requests.js";

/** What one would write today without a client of etcd: a generic gRPC client and generated messages. */
export async function openGrpcJs(endpoint: string): Promise<Driver> {
  const client = new Client(new URL(endpoint).host, credentials.createInsecure());

  function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
  ): (request: MessageShape<I>) => Promise<MessageShape<O>> {
    const path = `/${method.parent.typeName}/${method.name}`;
    const serialize = (request: MessageShape<I>): Buffer => {
      const bytes = toBinary(method.input, request);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    };
    const deserialize = (bytes: Buffer): MessageShape<O> => fromBinary(method.output, bytes);
    return (request) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, serialize, deserialize, request, (error, answer) => {
          if (answer === undefined) reject(error ?? new Error("there is neither an answer nor an error"));
          else resolve(answer);
        });
      });
  }

  const range = unary(KV.method.range);
  const put = unary(KV.method.put);
  const txn = unary(KV.method.txn);
  return {
    async get(key) {
      const { kvs } = await range(getRequest(key));
      return kvs[0]?.value.length ?? 0;
    },
    async put(key, value) {
      await put(putRequest(key, value));
      return 1;
    },
    async txn(keys, value) {
      const { succeeded } = await txn(txnRequest(keys, value));
      return succeeded ? 1 : 0;
    },
    async range(prefix) {
      const { kvs } = await range(rangeRequest(prefix));
      return kvs.length;
    },
    async close() {
      client.close();
    },
  };
}
