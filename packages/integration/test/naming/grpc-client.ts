import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Echo, EchoRequestSchema, EchoResponseSchema } from "@etcdkit/testing";
import { type CallOptions, Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

/** A client of the echo service over a channel of grpc-js. */
export interface GrpcEchoClient extends Disposable {
  unary(request: MessageInitShape<typeof EchoRequestSchema>, options?: GrpcCallOptions): Promise<void>;
}

export interface GrpcCallOptions extends CallOptions {
  readonly waitForReady?: boolean;
}

const path = `/${Echo.typeName}/${Echo.method.unary.name}`;

/** Opens a channel. Without a policy it has grpc-js's own, pick_first. */
export function grpcEchoClient(target: string, policy?: "round_robin"): GrpcEchoClient {
  const client = new Client(target, credentials.createInsecure(), {
    // Channels with the same target and options would share their links to servers, and so what was found out about them.
    "grpc.use_local_subchannel_pool": 1,
    ...(policy === undefined
      ? {}
      : { "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] }) }),
  });
  return {
    unary: (request, { waitForReady = false, ...options } = {}) =>
      new Promise((resolve, reject) => {
        const metadata = new Metadata({ waitForReady });
        client.makeUnaryRequest(
          path,
          (message) => Buffer.from(toBinary(EchoRequestSchema, create(EchoRequestSchema, message))),
          (bytes) => fromBinary(EchoResponseSchema, new Uint8Array(bytes)),
          request,
          metadata,
          options,
          (error: ServiceError | null) => (error === null ? resolve() : reject(error)),
        );
      }),
    [Symbol.dispose]: () => client.close(),
  };
}
