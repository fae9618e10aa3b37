import { getEventListeners } from "node:events";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Maintenance } from "./gen/etcdserverpb/rpc_pb.js";
import { openServerStream, type ServerStream } from "./server-stream.js";

const { snapshot } = Maintenance.method;
type Part = { readonly blob: Uint8Array };

/** A transport that sends two parts and then does as told. */
function sending(then: (signal: AbortSignal) => Promise<void>): Transport {
  return createRouterTransport(({ service }) => {
    service(Maintenance, {
      async *snapshot(_request, { signal }) {
        yield { blob: Uint8Array.of(1) };
        yield { blob: Uint8Array.of(2) };
        await then(signal);
      },
    });
  });
}

/** Waits until the client has left. */
const untilLeft = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

async function rest(stream: ServerStream<Part>): Promise<number[]> {
  const bytes: number[] = [];
  for (let next = await stream.next(); next !== undefined; next = await stream.next())
    bytes.push(...next.blob);
  return bytes;
}

describe("openServerStream", () => {
  it("hands out the messages and then nothing more, however often it is asked", async () => {
    const stream = await openServerStream(
      sending(async () => undefined),
      snapshot,
      {},
      undefined,
    );
    expect(await rest(stream)).toEqual([1, 2]);
    await expect(stream.next()).resolves.toBeUndefined();
    await stream.end();
    await expect(stream.next()).resolves.toBeUndefined();
  });

  it("rejects with what the transport rejects with", async () => {
    const failure = new ConnectError("gone", Code.Unavailable);
    const transport = sending(() => Promise.reject(failure));
    const stream = await openServerStream(transport, snapshot, {}, undefined);
    await expect(rest(stream)).rejects.toMatchObject({ code: Code.Unavailable });
  });

  it("ends a message that is waited for, and the call at the server", async () => {
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const transport = sending(async (signal) => {
      await untilLeft(signal);
      leave();
    });
    const stream = await openServerStream(transport, snapshot, {}, undefined);
    await stream.next();
    await stream.next();
    const pending = stream.next();
    const reason = new Error("enough");
    const ended = stream.end(reason);
    await expect(pending).rejects.toBe(reason);
    await ended;
    await left;
    await expect(stream.next()).rejects.toBe(reason);
  });

  it("rejects with the caller's reason, also where messages are in store", async () => {
    const caller = new AbortController();
    const reason = new Error("changed my mind");
    const stream = await openServerStream(sending(untilLeft), snapshot, {}, { signal: caller.signal });
    await stream.next();
    caller.abort(reason);
    await expect(stream.next()).rejects.toBe(reason);
    await expect(openServerStream(sending(untilLeft), snapshot, {}, { signal: caller.signal })).rejects.toBe(
      reason,
    );
  });

  it("leaves nothing on the caller's signal", async () => {
    const { signal } = new AbortController();
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const [read, left] = [sending(async () => undefined), sending(untilLeft)];
    expect(await rest(await openServerStream(read, snapshot, {}, { signal }))).toEqual([1, 2]);
    const stream = await openServerStream(left, snapshot, {}, { signal });
    await stream.next();
    expect(listeners()).toBe(1);
    await stream.end();
    const broken: Transport = { ...left, stream: () => Promise.reject(new Error("no stream")) };
    await expect(openServerStream(broken, snapshot, {}, { signal })).rejects.toThrow("no stream");
    expect(listeners()).toBe(0);
  });
});
