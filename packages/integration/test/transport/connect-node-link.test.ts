import { startConnectEchoServer, startGrpcJsEchoServer } from "@etcdkit/testing";
import { describeTransport, type TransportCapabilities } from "@etcdkit/testing/compliance";
import { createConnectNodeTransport } from "@etcdkit/transport/connect-node";
import { addressOf, type Dialling, diallingOver } from "./dialling.js";

const open = (endpoint: string): Dialling =>
  diallingOver(createConnectNodeTransport({ endpoint: addressOf(endpoint) }));

const capabilities: TransportCapabilities = {
  // Node does not tell how much of a request it has handed to the socket, nor whether one waits for the limit of streams.
  dispositions: false,
  connectionEvents: true,
  backPressure: true,
  gzip: true,
  unlimitedTimeout: true,
  messagesBeforeErrors: true,
  queueing: true,
  handOver: true,
  resetCodes: true,
  cancelsOnReturn: true,
  tellsRequests: true,
  concurrentReturn: true,
};

describeTransport(
  "connect-node's transport over a session of ours to a grpc-js server",
  { startServer: startGrpcJsEchoServer, open },
  capabilities,
);
describeTransport(
  "connect-node's transport over a session of ours to a connect-node server",
  { startServer: startConnectEchoServer, open },
  capabilities,
);
