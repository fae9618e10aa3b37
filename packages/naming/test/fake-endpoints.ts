import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { EndpointConnection } from "../src/connect/endpoint-connection.js";
import type { Endpoint } from "../src/endpoint.js";

/** One endpoint, seen from the service. */
export class FakeEndpoint implements EndpointConnection {
  readonly endpoint: Endpoint;
  /** How many calls it got. */
  calls = 0;
  dials = 0;
  closed = false;
  /** The deadlines that calls came with. */
  readonly timeouts: (number | undefined)[] = [];
  state: string | undefined;
  /** What a call does. Default: it is answered. */
  onCall: (signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve();
  /** What a dial does. */
  onDial: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  /** What its end does. */
  onClose: () => Promise<void> | void = () => undefined;
  /** The messages that a stream answers with. */
  messages: () => AsyncIterable<DescMessage> = async function* () {};

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  connect(signal: AbortSignal): Promise<void> {
    this.dials += 1;
    return this.onDial(signal);
  }

  close(): Promise<void> | void {
    this.closed = true;
    return this.onClose();
  }

  unary: Transport["unary"] = async (method, signal, timeoutMs) => {
    this.calls += 1;
    this.timeouts.push(timeoutMs);
    await this.onCall(signal);
    const message = create<DescMessage>(method.output) as MessageShape<typeof method.output>;
    return { stream: false, service: method.parent, method, header, trailer: header, message };
  };

  stream: Transport["stream"] = async (method, signal, timeoutMs) => {
    this.calls += 1;
    this.timeouts.push(timeoutMs);
    await this.onCall(signal);
    const message = this.messages() as AsyncIterable<unknown> as AsyncIterable<
      MessageShape<typeof method.output>
    >;
    return { stream: true, service: method.parent, method, header, trailer: header, message };
  };
}

const header = new Headers();

/** A failure of gRPC's status UNAVAILABLE, with what is known of the request. */
export function unavailable(disposition?: "unsent" | "refused" | "unknown", cause?: unknown): ConnectError {
  const error = new ConnectError("no", Code.Unavailable, undefined, undefined, cause);
  return disposition === undefined ? error : Object.assign(error, { disposition });
}
