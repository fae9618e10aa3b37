import { createClient, type Interceptor } from "@connectrpc/connect";
import { type ConnectOptions, connect, EtcdError } from "@etcdkit/core";
import { KV, Maintenance, Watch } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { cluster, events } from "../test/cluster.js";
import { observeCalls } from "./observe-calls.js";

/** Notes all that observers are told, and connects with the interceptor. */
function observed(options: ConnectOptions) {
  const notes: string[] = [];
  const interceptor = observeCalls(({ service, method, kind }) => {
    notes.push(`started ${service}/${method} ${kind}`);
    return {
      sent: () => notes.push("sent"),
      received: () => notes.push("received"),
      ended: (status, error) =>
        notes.push(`ended ${status}${error instanceof EtcdError ? ` ${error.code}` : ""}`),
    };
  });
  return { notes, connection: connect({ ...options, interceptors: [interceptor] }) };
}

describe("observeCalls", () => {
  it("tells of a call: started, sent, received, ended", async () => {
    const { notes, connection } = observed(cluster());
    await using _ = connection;
    await createClient(KV, connection.transport).range({});
    expect(notes).toEqual(["started etcdserverpb.KV/Range unary", "sent", "received", "ended OK"]);
  });

  it("tells of a failed call with its status, and of nothing received", async () => {
    const { notes, connection } = observed(cluster());
    await using _ = connection;
    await expect(createClient(KV, connection.transport).put({})).rejects.toThrow();
    expect(notes).toEqual(["started etcdserverpb.KV/Put unary", "sent", "ended INVALID_ARGUMENT EMPTY_KEY"]);
  });

  it("tells of a call that its caller aborts, and of one whose time is up", async () => {
    const { notes, connection } = observed(cluster());
    await using _ = connection;
    const kv = createClient(KV, connection.transport);
    await expect(kv.compact({}, { signal: AbortSignal.abort(new Error("never mind")) })).rejects.toThrow();
    expect(notes.at(-1)).toBe("ended CANCELLED");
    await expect(kv.compact({}, { signal: AbortSignal.timeout(5) })).rejects.toThrow();
    expect(notes.at(-1)).toBe("ended DEADLINE_EXCEEDED");
    await expect(kv.compact({}, { timeoutMs: 5 })).rejects.toThrow();
    expect(notes.at(-1)).toBe("ended DEADLINE_EXCEEDED DEADLINE");
  });

  it("counts each message of a stream, both ways", async () => {
    const { notes, connection } = observed(cluster());
    await using _ = connection;
    const requests = async function* () {
      yield { requestUnion: { case: "createRequest" as const, value: {} } };
      yield { requestUnion: { case: "progressRequest" as const, value: {} } };
    };
    const answers = createClient(Watch, connection.transport).watch(requests());
    expect(await Array.fromAsync(answers)).toHaveLength(2);
    expect(notes.toSorted()).toEqual([
      "ended OK",
      "received",
      "received",
      "sent",
      "sent",
      "started etcdserverpb.Watch/Watch bidi_streaming",
    ]);
    expect(notes.at(-1)).toBe("ended OK");
  });

  it("tells that a stream was left, at once and although an answer is awaited, and lets the stream know", async () => {
    const { notes, connection } = observed(cluster());
    await using _ = connection;
    const before = events.streamsEnded;
    const answers = await connection.transport.stream(
      Maintenance.method.snapshot,
      undefined,
      undefined,
      undefined,
      (async function* () {
        yield {};
      })(),
    );
    const iterator = answers.message[Symbol.asyncIterator]();
    await iterator.next();
    const awaited = iterator.next();
    await iterator.return?.();
    expect(notes.slice(-2)).toEqual(["received", "ended CANCELLED"]);
    expect(await awaited).toMatchObject({ done: true });
    await expect.poll(() => events.streamsEnded).toBe(before + 1);
    expect(notes.filter((note) => note.startsWith("ended"))).toHaveLength(1);
  });

  it("tells of the end of a stream that nobody reads, when its signal aborts", async () => {
    const { notes, connection } = observed(cluster());
    await using _ = connection;
    const controller = new AbortController();
    await connection.transport.stream(
      Maintenance.method.snapshot,
      controller.signal,
      undefined,
      undefined,
      (async function* () {
        yield {};
      })(),
    );
    controller.abort();
    await Promise.resolve();
    expect(notes.at(-1)).toBe("ended CANCELLED");
  });

  it("tells of a stream that cannot be opened", async () => {
    const { notes, connection } = observed(cluster());
    await connection.close();
    await expect(
      Array.fromAsync(createClient(Maintenance, connection.transport).snapshot({})),
    ).rejects.toThrow();
    expect(notes).toEqual([
      "started etcdserverpb.Maintenance/Snapshot server_streaming",
      "sent",
      "ended CANCELLED CLOSED",
    ]);
  });

  it("lets an observer run the call and replace its context values", async () => {
    const seen: unknown[] = [];
    const key = { id: Symbol("key"), defaultValue: "none" };
    const outer = observeCalls(({ context }) => {
      const own = { get: () => "replaced" as never, set: () => own, delete: () => own };
      seen.push(context.get(key));
      return {
        context: own,
        run: (send) => {
          seen.push("before");
          return send();
        },
        sent: () => undefined,
        received: () => undefined,
        ended: () => undefined,
      };
    });
    const inner: Interceptor = (next) => (request) => {
      seen.push(request.contextValues.get(key));
      return next(request);
    };
    await using connection = connect({ ...cluster(), interceptors: [outer, inner] });
    await createClient(KV, connection.transport)
      .range({})
      .catch(() => undefined);
    expect(seen.slice(0, 3)).toEqual(["none", "before", "replaced"]);
  });
});
