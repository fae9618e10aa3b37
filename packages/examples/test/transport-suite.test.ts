import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { startConnectEchoServer } from "@etcdkit/testing";
import { describeTransport } from "@etcdkit/testing/compliance";

// #region transport
describeTransport(
  "connect-node's transport",
  {
    startServer: startConnectEchoServer,
    open(endpoint) {
      const sessionManager = new Http2SessionManager(endpoint);
      const transport = createGrpcTransport({ baseUrl: endpoint, sessionManager });
      return { transport, close: () => sessionManager.abort() };
    },
  },
  {
    backPressure: true,
    messagesBeforeErrors: true,
    queueing: true,
    cancelsOnReturn: false,
    concurrentReturn: false,
    connectionEvents: false,
    dispositions: false,
    gzip: false,
    handOver: false,
    resetCodes: false,
    tellsRequests: false,
    unlimitedTimeout: false,
  },
);
// #endregion
