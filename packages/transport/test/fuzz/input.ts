import { ConnectError } from "@connectrpc/connect";
import { dispositionOf } from "../../src/disposition.js";
import { createHttp2Transport } from "../../src/http2-transport.js";
import { both, down, encoded, once } from "../support/echo.js";
import { settings, settingsAck } from "../support/frames.js";
import { Wire } from "../support/wire.js";
import { checkClient } from "./check-client.js";
import { mutate, slices } from "./mutate.js";
import { createRandom, type Random } from "./random.js";
import { serverFrames } from "./server-bytes.js";

/** What came of one input. */
export interface Outcome {
  /** How its three calls ended, in the order unary, server-streaming, bidirectional; or why it never came to calls. */
  readonly ended: readonly string[];
  /** What went wrong, if anything did. */
  readonly failure: string | undefined;
}

const turnsToSettle = 30;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * Runs one input: a fresh transport over a socket in memory, three live calls, and a server that says what `seed` makes of
 * it and then hangs up. Whatever the server says, every call has to end, and by a typed error if not by an answer.
 */
export async function runInput(seed: number): Promise<Outcome> {
  const random = createRandom(seed);
  const wire = new Wire();
  const transport = createHttp2Transport({
    endpoint: { target: { host: "fuzz", port: 1 }, tls: false, authority: "fuzz:1", serverName: "fuzz" },
    dial: () => Promise.resolve(wire),
    maxReceiveBytes: 10_000,
    keepAlive: false,
  });
  try {
    const connecting = transport.connect(new AbortController().signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    await nextTurn();
    const isPolite = !random.oneIn(8);
    feed(random, wire, isPolite ? greeting(random) : mutate(random, random.bytes(1 + random.below(60))));
    for (let turn = 0; turn < 3; turn++) await nextTurn();
    // A server that broke off in the middle of its settings is waited for until it hangs up.
    if (transport.state === "connecting") wire.hangUp();
    const refusal = await within(connecting, "connect");
    if (refusal instanceof Hang) return { ended: [], failure: refusal.message };
    if (refusal !== undefined) {
      return refusal instanceof Error
        ? { ended: [`no link: ${refusal.message}`], failure: undefined }
        : { ended: [], failure: `connect rejected with ${String(refusal)}` };
    }
    // A server that does not read for a while: what it has of a request nobody knows.
    if (random.oneIn(4)) wire.stick();
    // Some callers give up meanwhile. Whether they do takes nothing from `random`: seeds that are kept mean what they meant.
    const leaving = new AbortController();
    const calls = [
      unary(transport, random, leaving.signal),
      serverStream(transport, random),
      bidirectional(transport, random),
    ];
    if (!random.oneIn(10)) await nextTurn();
    if (seed % 7 === 1) leaving.abort();
    feed(random, wire, mutate(random, Buffer.concat(serverFrames(random))));
    if (seed % 7 === 3) leaving.abort();
    if (random.oneIn(2)) await nextTurn();
    finish(random, wire, transport);
    const ended = await within(Promise.all(calls), "calls");
    if (ended instanceof Hang) return { ended: [], failure: ended.message };
    const failure = ended.find((end) => end.startsWith("!")) ?? wrongAfterwards(wire, transport, ended);
    return { ended, failure };
  } catch (error) {
    return { ended: [], failure: `threw ${String(error)}` };
  } finally {
    await transport.close();
  }
}

/** What is wrong although every call has ended, if anything is. */
function wrongAfterwards(wire: Wire, transport: Transport, ended: readonly string[]): string | undefined {
  if (transport.state === "ready" || transport.state === "connecting")
    return `the link counts as ${transport.state}`;
  const client = checkClient(Buffer.concat(wire.writes));
  // By its path: a call that was given up before it had a stream leaves the first one to the next.
  if (client.completed("/echo.Echo/Once") && ended[0]?.endsWith(" unsent"))
    return "a request that was written counts as unsent";
  return undefined;
}

function greeting(random: Random): Buffer {
  const bytes = Buffer.concat([
    settings(
      ...(random.oneIn(3) ? [[3, random.below(4)] as const] : []),
      ...(random.oneIn(3) ? [[4, random.pick([0, 1, 10, 65_535, 2 ** 31 - 1])] as const] : []),
      ...(random.oneIn(3) ? [[1, random.pick([0, 40, 4_096])] as const] : []),
    ),
    settingsAck,
  ]);
  return random.oneIn(10) ? mutate(random, bytes) : bytes;
}

function feed(random: Random, wire: Wire, bytes: Buffer): void {
  for (const slice of slices(random, bytes)) wire.say(slice);
}

function finish(random: Random, wire: Wire, transport: ReturnType<typeof createHttp2Transport>): void {
  switch (random.below(4)) {
    case 0:
      void transport.close();
      break;
    case 1:
      wire.destroy(new Error("read ECONNRESET"));
      break;
    default:
      wire.hangUp();
  }
}

type Transport = ReturnType<typeof createHttp2Transport>;

function unary(transport: Transport, random: Random, signal: AbortSignal): Promise<string> {
  const value = random.bytes(random.below(40));
  return described(transport.unary(once, signal, undefined, undefined, { value }).then(() => "answered"));
}

function serverStream(transport: Transport, random: Random): Promise<string> {
  // Some consumers leave early, some never ask.
  const most = random.pick([0, 1, 2, Number.POSITIVE_INFINITY]);
  return described(
    (async () => {
      const { message } = await transport.stream(down, undefined, undefined, undefined, requests(1));
      let taken = 0;
      for await (const _ of message) if (++taken >= most) break;
      return "streamed";
    })(),
  );
}

function bidirectional(transport: Transport, random: Random): Promise<string> {
  const count = random.below(4);
  return described(
    (async () => {
      const { message } = await transport.stream(both, undefined, undefined, undefined, requests(count));
      for await (const _ of message) await Promise.resolve();
      return "streamed";
    })(),
  );
}

async function* requests(count: number): AsyncGenerator<{ readonly value: Uint8Array }> {
  for (let sent = 0; sent < count; sent++) yield { value: encoded("request") };
}

/** How a call ended; with a mark in front when it ended as no call may. */
function described(call: Promise<string>): Promise<string> {
  return call.catch((error: unknown) =>
    error instanceof ConnectError
      ? `code ${error.code} ${dispositionOf(error)}`
      : `! rejected with ${error instanceof Error ? error.stack : String(error)}`,
  );
}

class Hang extends Error {}

/** Gives a promise a number of turns to settle: nothing here waits for time to pass. */
async function within<T>(promise: Promise<T>, what: string): Promise<T | Hang> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  for (let turn = 0; turn < turnsToSettle && !settled; turn++) await nextTurn();
  return settled ? promise : new Hang(`hang: ${what} did not settle`);
}
