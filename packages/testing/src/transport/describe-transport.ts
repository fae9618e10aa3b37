import { afterAll, beforeAll, describe } from "vitest";
import type { EchoServer } from "./echo-server.js";
import { createGroundMaker, type TransportCapabilities, type TransportSetup } from "./ground.js";
import { describeLinks } from "./link-cases.js";
import { describeStreams } from "./streaming-cases.js";
import { describeUnaryCalls } from "./unary-cases.js";

/**
 * Every sentence that a gRPC transport keeps, on a real server of the echo service.
 *
 * @param name - What is described, as the subject of a sentence: "our transport on grpc-js".
 * @param setup - Makes the server, and a transport for each case.
 * @param capabilities - What the transport can do beyond being a Connect transport. A case that needs more than that is
 * left out.
 */
export function describeTransport(
  name: string,
  setup: TransportSetup,
  capabilities: TransportCapabilities,
): void {
  describe(`${name} behaves as a transport`, () => {
    let server: EchoServer | undefined;
    beforeAll(async () => {
      server = await setup.startServer();
    });
    afterAll(async () => {
      await server?.close();
    });
    const shared = (): EchoServer => {
      if (server === undefined) throw new Error("the server has not started");
      return server;
    };
    const make = createGroundMaker(setup, shared, capabilities);
    describeUnaryCalls(make);
    describeStreams(make);
    describeLinks(make);
  });
}
