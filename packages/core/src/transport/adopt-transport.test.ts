import { getEventListeners } from "node:events";
import { create } from "@bufbuild/protobuf";
import { createClient, createRouterTransport, type Transport } from "@connectrpc/connect";
import { type Clock, type EndpointTransport, systemClock } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { FakeMember, never } from "../../test/fake-member.js";
import { ManualClock } from "../../test/manual-clock.js";
import { connect } from "../connection/connection.js";
import { outcomeOf } from "../errors/etcd-error.js";
import { KV, Maintenance, SnapshotResponseSchema } from "../gen/etcdserverpb/rpc_pb.js";
import { adoptTransport, isEndpointTransport } from "./adopt-transport.js";

const inMemory = createRouterTransport(({ service }) => {
  service(KV, { put: () => ({ header: { revision: 7n } }), range: never });
  service(Maintenance, {
    async *snapshot() {
      yield { remainingBytes: 2n };
      yield { remainingBytes: 1n };
      await never();
    },
  });
});

/** A transport that heeds neither time nor signal, and never answers; of a stream it gives the first answer only. */
function deaf(): { transport: Transport; headers: Headers[]; signals: AbortSignal[] } {
  const headers: Headers[] = [];
  const signals: AbortSignal[] = [];
  const note = (signal: AbortSignal | undefined, header: unknown): void => {
    if (signal !== undefined) signals.push(signal);
    headers.push(header as Headers);
  };
  const transport = {
    unary: (_: unknown, signal?: AbortSignal, __?: number, header?: unknown) => {
      note(signal, header);
      return never();
    },
    stream: async (_: unknown, signal?: AbortSignal, __?: number, header?: unknown) => {
      note(signal, header);
      const message = (async function* () {
        yield create(SnapshotResponseSchema, { remainingBytes: 2n });
        await never();
      })();
      return { message };
    },
  };
  return { transport: transport as unknown as Transport, headers, signals };
}

const adopt = (transport: Transport, clock: Clock = systemClock): EndpointTransport =>
  adoptTransport(transport, { clock, maxSendBytes: 100 });

describe("isEndpointTransport", () => {
  it("tells a transport that knows its link from a plain one", () => {
    expect(isEndpointTransport(new FakeMember("http://a:2379", new ManualClock()))).toBe(true);
    expect(isEndpointTransport(adopt(inMemory))).toBe(true);
    expect(isEndpointTransport(inMemory)).toBe(false);
  });
});

describe("a plain transport in place of a link", () => {
  it("is always ready, and hands calls on", async () => {
    const adopted = adopt(inMemory);
    expect(adopted.state).toBe("ready");
    await adopted.connect(new AbortController().signal);
    expect((await createClient(KV, adopted).put({})).header?.revision).toBe(7n);
  });

  it("refuses requests that are too large", async () => {
    const kv = createClient(KV, adopt(inMemory));
    expect(await caught(kv.put({ value: new Uint8Array(100) }))).toMatchObject({
      code: "MESSAGE_TOO_LARGE",
      disposition: "unsent",
    });
  });

  it("ends its calls and streams when it is closed", async () => {
    const adopted = adopt(inMemory);
    const reading = caught(createClient(KV, adopted).range({}));
    const streaming = caught(Array.fromAsync(createClient(Maintenance, adopted).snapshot({})));
    await new Promise(setImmediate);
    await adopted.close();
    await adopted.close();
    await Promise.all([reading, streaming]);
    expect(adopted.state).toBe("closed");
    await caught(createClient(KV, adopted).put({}));
  });

  it("leaves no listener on the caller's signal", async () => {
    const adopted = adopt(inMemory);
    const { signal } = new AbortController();
    for (let i = 0; i < 100; i++) await createClient(KV, adopted).put({}, { signal });
    for (let i = 0; i < 100; i++) {
      const { message } = await adopted.stream(
        Maintenance.method.snapshot,
        signal,
        undefined,
        undefined,
        (async function* () {
          yield {};
        })(),
      );
      for await (const _ of message) break;
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("a plain transport that heeds neither time nor signal", () => {
  const a = "http://a:2379";

  /** A connection over such a transport, with a write and a stream under way. */
  async function underWay(call: { timeoutMs?: number; signal?: AbortSignal }) {
    const { transport, signals } = deaf();
    const clock = new ManualClock();
    const connection = connect({ endpoints: a, clock, transport: () => transport });
    const writing = caught(createClient(KV, connection.transport).put({}, call));
    const snapshot = createClient(Maintenance, connection.transport).snapshot({}, call);
    const answers = snapshot[Symbol.asyncIterator]();
    expect((await answers.next()).value).toMatchObject({ remainingBytes: 2n });
    const streaming = caught(answers.next());
    await clock.settle();
    return { clock, connection, signals, writing, streaming };
  }

  it.each([300, 200_000_000])("is held to the deadline of its calls: %d ms", async (timeoutMs) => {
    const { clock, connection, signals, writing, streaming } = await underWay({ timeoutMs });
    await using _closing = connection;
    await clock.advance(timeoutMs - 1);
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false]);
    await clock.advance(1);
    expect(await writing).toMatchObject({ code: "DEADLINE", outcome: "unknown", endpoint: a });
    expect(await streaming).toMatchObject({ code: "DEADLINE", endpoint: a });
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true]);
    expect(clock.timers).toEqual([]);
  });

  it("is left when the caller aborts", async () => {
    const abort = new AbortController();
    const { clock, connection, writing, streaming } = await underWay({ signal: abort.signal });
    await using _closing = connection;
    // A reason that looks like what another write came to: it says nothing of this one.
    const reason = Object.assign(new Error("enough"), { disposition: "unsent" });
    abort.abort(reason);
    expect(await writing).toBe(reason);
    expect(outcomeOf(reason)).toBe("unknown");
    expect(await streaming).toBe(reason);
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
    expect(clock.timers).toEqual([]);
  });

  it("holds up no close", async () => {
    const { clock, connection, writing, streaming } = await underWay({});
    await connection.close();
    expect(await writing).toMatchObject({ code: "CLOSED", outcome: "unknown" });
    expect(await streaming).toMatchObject({ code: "CLOSED" });
    expect(clock.timers).toEqual([]);
  });

  it("holds up nobody who leaves a stream", async () => {
    const { transport, signals } = deaf();
    const clock = new ManualClock();
    await using connection = connect({ endpoints: a, clock, transport: () => transport });
    const { snapshot } = Maintenance.method;
    const requests = (async function* () {
      yield {};
    })();
    const answer = await connection.transport.stream(snapshot, undefined, undefined, undefined, requests);
    const messages = answer.message[Symbol.asyncIterator]();
    await messages.next();
    const waiting = messages.next();
    await messages.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
  });

  it("cannot write into the metadata of other calls", async () => {
    const { transport, headers } = deaf();
    const clock = new ManualClock();
    const connection = connect({ endpoints: a, clock, transport: () => transport });
    const kv = createClient(KV, connection.transport);
    const first = caught(kv.put({}));
    await clock.settle();
    headers[0]?.set("token", "evil");
    const second = caught(kv.put({}));
    await clock.settle();
    expect(headers.map((header) => header.get("token"))).toEqual(["evil", null]);
    await connection.close();
    await Promise.all([first, second]);
  });
});
