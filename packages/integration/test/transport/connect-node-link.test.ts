import { startConnectEchoServer, startGrpcJsEchoServer } from "@etcdkit/testing";
import { describeTransport, type TransportCapabilities } from "@etcdkit/testing/compliance";
import { createConnectNodeTransport } from "@etcdkit/transport/connect-node";
import { addressOf, type Dialling, diallingOver } from "./dialling.js";

const open = (endpoint: string): Dialling =>
  diallingOver(createConnectNodeTransport({ endpoint: addressOf(endpoint) }));

const capabilities: TransportCapabilities = {
  dispositions: false,
  connectionEvents: true,
  backPressure: true,
  gzip: true,
  unlimitedTimeout: false,
  messagesBeforeErrors: true,
  queueing: true,
  handOver: false,
  resetCodes: false,
  cancelsOnReturn: true,
  tellsRequests: false,
  concurrentReturn: false,
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
