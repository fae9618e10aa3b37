import type { ServerHttp2Stream } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { begin, frame, reply, startHttp2Server } from "../../test/http2-server.js";
import { KV, Maintenance } from "../gen/etcdserverpb/rpc_pb.js";
import { connect } from "./connection.js";

/** How many sockets keep the process alive; those of the servers of these tests do not. */
const holding = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;

/** Lets Node tell both sides that a request has ended. */
const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

describe("the process", () => {
  it("is kept alive by calls that wait, and by nothing of an idle connection", async () => {
    const held: ServerHttp2Stream[] = [];
    await using server = await startHttp2Server((stream, headers) => {
      if (headers[":path"] === "/grpc.health.v1.Health/Watch") begin(stream);
      else held.push(stream);
    });
    const idle = holding();
    await using connection = connect({
      endpoints: `127.0.0.1:${server.port}`,
      keepAlive: { withoutCalls: true },
      healthCheck: true,
      autoSyncIntervalMs: 60_000,
    });
    await connection.ready();
    await server.until(({ open }) => open === 1); // the health watch
    expect(holding()).toBe(idle);

    const kv = createClient(KV, connection.transport);
    const calls = [kv.put({}), kv.put({})];
    await server.until(({ open }) => open === 3);
    expect(holding()).toBe(idle + 1);
    for (const stream of held.splice(0)) reply(stream);
    await Promise.all(calls);
    await server.until(({ open }) => open === 1);
    await turns();
    expect(holding()).toBe(idle);

    const chunks = createClient(Maintenance, connection.transport).snapshot({})[Symbol.asyncIterator]();
    const first = chunks.next();
    await server.until(({ open }) => open === 2);
    for (const stream of held.splice(0)) {
      begin(stream);
      stream.write(frame(new Uint8Array()));
    }
    await first;
    expect(holding()).toBe(idle + 1);
    await connection.close();
    await turns();
    expect(holding()).toBe(idle);
  });
});
