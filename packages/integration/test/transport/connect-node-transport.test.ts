import { compressionGzip, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { startConnectEchoServer, startGrpcJsEchoServer } from "@etcdkit/testing";
import {
  describeTransport,
  type OpenTransport,
  type TransportCapabilities,
} from "@etcdkit/testing/compliance";

function open(endpoint: string): OpenTransport {
  const sessionManager = new Http2SessionManager(endpoint);
  const transport = createGrpcTransport({
    baseUrl: endpoint,
    sessionManager,
    readMaxBytes: 0x7fff_ffff,
    writeMaxBytes: 0x7fff_ffff,
    acceptCompression: [compressionGzip],
  });
  return { transport, close: () => sessionManager.abort() };
}

const capabilities: TransportCapabilities = {
  dispositions: false,
  connectionEvents: false,
  backPressure: true,
  gzip: true,
  unlimitedTimeout: false,
  messagesBeforeErrors: true,
  queueing: true,
  handOver: false,
  resetCodes: false,
  cancelsOnReturn: false,
  tellsRequests: false,
  concurrentReturn: false,
};

describeTransport(
  "connect-node's transport to a grpc-js server",
  { startServer: startGrpcJsEchoServer, open },
  capabilities,
);
describeTransport(
  "connect-node's transport to a connect-node server",
  { startServer: startConnectEchoServer, open },
  capabilities,
);
