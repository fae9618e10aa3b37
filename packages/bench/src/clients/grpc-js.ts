import type { DescMessage, DescMethodUnary, MessageShape } from "@bufbuild/protobuf";
import { KV } from "@etcdkit/core/protocol";
import { Client, credentials } from "@grpc/grpc-js";
import type { Driver } from "./driver.js";
import { grpcJsCodec } from "./grpc-js-codec.js";
import { grpcJsWatches } from "./grpc-js-watches.js";
import { getRequest, putRequest, rangeRequest, txnRequest } from "./requests.js";

/** What one would write today without a client of etcd: a generic gRPC client and generated messages. */
export async function openGrpcJs(endpoint: string): Promise<Driver> {
  // A large part of a history in one answer is more than it takes by default.
  const options = { "grpc.max_receive_message_length": -1 };
  const client = new Client(new URL(endpoint).host, credentials.createInsecure(), options);

  function unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
  ): (request: MessageShape<I>) => Promise<MessageShape<O>> {
    const path = `/${method.parent.typeName}/${method.name}`;
    const { serialize, deserialize } = grpcJsCodec(method);
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
    watches: grpcJsWatches(client),
    async close() {
      client.close();
    },
  };
}
