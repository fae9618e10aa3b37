import type { Duplex } from "node:stream";
import type { EndpointTransport } from "../../src/endpoint-transport.js";
import { createHttp2Transport, type Http2TransportOptions } from "../../src/http2-transport.js";
import { settings, settingsAck } from "./frames.js";
import { createManualClock, type ManualClock, turn } from "./manual-clock.js";
import { Wire } from "./wire.js";

/** A transport whose server is the test. */
export interface TestLink {
  readonly transport: EndpointTransport;
  readonly clock: ManualClock;
  /** One for each dial, in order. */
  readonly wires: Wire[];
  /** The latest. */
  readonly wire: Wire;
}

export type TestLinkOptions = Partial<Omit<Http2TransportOptions, "endpoint" | "clock" | "dial">>;

/** Makes a transport that has not dialled. */
export function testLink(options: TestLinkOptions = {}): TestLink {
  const clock = createManualClock();
  const wires: Wire[] = [];
  const transport = createHttp2Transport({
    ...options,
    endpoint: {
      target: { host: "test", port: 1 },
      tls: false,
      authority: "test:1",
      serverName: "test",
    },
    clock,
    dial: (): Promise<Duplex> => {
      const wire = new Wire();
      wires.push(wire);
      return Promise.resolve(wire);
    },
  });
  return {
    transport,
    clock,
    wires,
    get wire() {
      const wire = wires.at(-1);
      if (wire === undefined) throw new Error("nothing was dialled");
      return wire;
    },
  };
}

/** Dials and lets the server say its settings. */
export async function greet(
  link: TestLink,
  ...values: readonly (readonly [id: number, value: number])[]
): Promise<void> {
  const connecting = link.transport.connect(new AbortController().signal);
  await turn();
  link.wire.say(settings(...values), settingsAck);
  await connecting;
  await turn();
  link.wire.heard();
}

/** A transport that is ready. */
export async function readyLink(
  options: TestLinkOptions = {},
  ...values: readonly (readonly [id: number, value: number])[]
): Promise<TestLink> {
  const link = testLink(options);
  await greet(link, ...values);
  return link;
}
