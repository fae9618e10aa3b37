import { constants } from "node:http2";
import { setImmediate as turn } from "node:timers/promises";
import type { DescMessage } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { type CallOptions, type Connection, connect, type Kv, op } from "@etcdkit/core";
import { KV } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { type Method, type ScriptedCall, type ScriptedServer, startScriptedServer } from "@etcdkit/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rejection } from "../support/rejection.js";

// What a real server does rarely and never on request: a scripted one stands in for it.
const writes: readonly {
  readonly name: string;
  readonly method: Method<DescMessage, DescMessage>;
  run(kv: Kv, call?: CallOptions): Promise<unknown>;
}[] = [
  { name: "put", method: KV.method.put, run: (kv, call) => kv.put("k", "v", call) },
  { name: "delete", method: KV.method.deleteRange, run: (kv, call) => kv.delete("k", call) },
  { name: "txn", method: KV.method.txn, run: (kv, call) => kv.txn({ success: [op.put("k", "v")] }, call) },
  { name: "compact", method: KV.method.compact, run: (kv, call) => kv.compact(1n, call) },
];

type AnyCall = ScriptedCall<DescMessage, DescMessage>;

/** Parts of an answer. A server that sends one has looked at the request. */
const beginnings: readonly { readonly name: string; send(call: AnyCall): void }[] = [
  { name: "headers", send: (call) => call.respond() },
  { name: "headers and a message", send: (call) => call.send({}) },
];

/** What would prove that the request was not looked at, had nothing come before it. */
const refusals: readonly { readonly name: string; send(call: AnyCall): void }[] = [
  { name: "REFUSED_STREAM", send: (call) => call.reset(constants.NGHTTP2_REFUSED_STREAM) },
  { name: "GOAWAY with a lower number", send: (call) => call.goAway({ lastStreamId: 1 }) },
];

describe.each(writes)("a $name", ({ method, run }) => {
  let server: ScriptedServer;
  let connection: Connection;
  let kv: Kv;
  beforeEach(async () => {
    server = await startScriptedServer();
    connection = connect({ endpoints: server.endpoint });
    kv = createKv(connection);
    await connection.ready();
  });
  afterEach(async () => {
    await connection.close();
    await server.close();
  });

  it("is sent again when the server refused its stream, and succeeds", async () => {
    server.once(method, (call) => call.reset(constants.NGHTTP2_REFUSED_STREAM));
    await run(kv);
    expect(server.callsOf(method)).toHaveLength(2);
  });

  it("is sent again over a new link when GOAWAY says that it was not looked at", async () => {
    await kv.get("k"); // stream 1, the last one that the server will say it looked at
    server.once(method, (call) => call.goAway({ lastStreamId: 1 }));
    await run(kv);
    expect(server.callsOf(method).map(({ connection: link }) => link)).toEqual([1, 2]);
  });

  describe.each(beginnings)("whose answer began, with $name,", (beginning) => {
    it.each(refusals)("is sent once, outcome unknown, when then comes $name", async (refusal) => {
      await kv.get("k"); // stream 1
      server.on(method, async (call) => {
        beginning.send(call);
        // What a stream is told to send goes out over the next turns of the event loop, and a reset before it.
        for (let i = 0; i < 4; i++) await turn();
        refusal.send(call);
        return undefined;
      });
      expect((await rejection(() => run(kv))).error.outcome).toBe("unknown");
      expect(server.callsOf(method)).toHaveLength(1);
    });
  });

  it.each([
    { name: "INTERNAL_ERROR", http2Code: constants.NGHTTP2_INTERNAL_ERROR },
    { name: "CANCEL", http2Code: constants.NGHTTP2_CANCEL },
  ])("is sent once, outcome unknown, when its stream was reset with $name", async ({ http2Code }) => {
    server.on(method, (call) => call.reset(http2Code));
    expect((await rejection(() => run(kv))).error.outcome).toBe("unknown");
    expect(server.callsOf(method)).toHaveLength(1);
  });

  it.each([
    { name: "UNAVAILABLE", code: Code.Unavailable, text: "connection error" },
    { name: "CANCELLED", code: Code.Canceled, text: "context canceled" },
    { name: "DEADLINE_EXCEEDED", code: Code.DeadlineExceeded, text: "context deadline exceeded" },
    { name: "leader changed", code: Code.Unavailable, text: "etcdserver: leader changed" },
    { name: "request timed out", code: Code.Unavailable, text: "etcdserver: request timed out" },
  ])("is sent once, outcome unknown, when the server answers $name", async ({ code, text }) => {
    server.on(method, (call) => call.fail(code, text));
    expect((await rejection(() => run(kv))).error.outcome).toBe("unknown");
    expect(server.callsOf(method)).toHaveLength(1);
  });

  it("is sent once, outcome unknown, when the server hangs up without an answer", async () => {
    server.on(method, (call) => call.hangUp({ reset: true }));
    expect((await rejection(() => run(kv))).error.outcome).toBe("unknown");
    expect(server.callsOf(method)).toHaveLength(1);
  });

  it("is sent until it succeeds when the caller calls it idempotent", async () => {
    server.once(method, (call) => call.hangUp({ reset: true }));
    server.once(method, (call) => call.fail(Code.Unavailable, "etcdserver: leader changed"));
    await run(kv, { idempotent: true });
    expect(server.callsOf(method)).toHaveLength(3);
  });
});
