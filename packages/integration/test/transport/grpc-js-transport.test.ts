import { startConnectEchoServer, startGrpcJsEchoServer } from "@etcdkit/testing";
import {
  describeTransport,
  type OpenTransport,
  type TransportCapabilities,
} from "@etcdkit/testing/compliance";
import { createGrpcJsTransport } from "@etcdkit/transport/grpc-js";
import { Channel, credentials } from "@grpc/grpc-js";

const plaintext = credentials.createInsecure();

function open(endpoint: string): OpenTransport {
  // A pool of channels of their own, so that a case never gets the connection of another.
  const transport = createGrpcJsTransport(new URL(endpoint).host, plaintext, {
    "grpc.use_local_subchannel_pool": 1,
  });
  return { transport, close: () => transport.close() };
}

function openOverChannel(endpoint: string): OpenTransport {
  const channel = new Channel(new URL(endpoint).host, plaintext, {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
  });
  return { transport: createGrpcJsTransport(channel), close: () => channel.close() };
}

const capabilities: TransportCapabilities = {
  dispositions: false,
  connectionEvents: false,
  backPressure: true,
  gzip: true,
  unlimitedTimeout: true,
  messagesBeforeErrors: false,
  queueing: true,
  handOver: true,
  resetCodes: true,
  cancelsOnReturn: true,
  tellsRequests: true,
  concurrentReturn: false,
};

describeTransport(
  "a grpc-js channel to a grpc-js server",
  { startServer: startGrpcJsEchoServer, open },
  capabilities,
);
describeTransport(
  "a grpc-js channel that was given to a connect-node server",
  { startServer: startConnectEchoServer, open: openOverChannel },
  capabilities,
);
