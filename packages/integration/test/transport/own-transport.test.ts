import { startConnectEchoServer, startGrpcJsEchoServer } from "@etcdkit/testing";
import { describeTransport, type TransportCapabilities } from "@etcdkit/testing/compliance";
import { openDialling } from "./dialling.js";

const everything: TransportCapabilities = {
  dispositions: true,
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
  "our own transport to a grpc-js server",
  { startServer: startGrpcJsEchoServer, open: (endpoint) => openDialling(endpoint) },
  everything,
);

describeTransport(
  "our own transport to a connect-node server",
  { startServer: startConnectEchoServer, open: (endpoint) => openDialling(endpoint) },
  everything,
);

describeTransport(
  "our own transport with compressed requests",
  {
    startServer: startConnectEchoServer,
    open: (endpoint) => openDialling(endpoint, { compression: "gzip" }),
  },
  everything,
);
