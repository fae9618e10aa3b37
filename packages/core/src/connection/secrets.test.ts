import { inspect } from "node:util";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { reset, status } from "../../test/failures.js";
import { eventsUntilClosed, FakeCluster } from "../../test/fake-cluster.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";

const canary = "hunter2-canary";
const pem = (label: string): string => `-----BEGIN ${label}-----\n${canary}\n-----END ${label}-----\n`;

describe("secrets", () => {
  it("show in no error, event, log line or print of a connection", async () => {
    const cluster = new FakeCluster();
    let n = 0;
    cluster.answer = (call) => {
      if (call.method === "Authenticate") return { token: `${canary}-token` };
      throw n++ % 2 === 0 ? reset() : status("etcdserver: invalid auth token", Code.Unauthenticated);
    };
    const lines: unknown[] = [];
    const log = (...entry: unknown[]): number => lines.push(entry);
    const connection = cluster.connect("localhost:1", {
      credentials: { username: "root", password: canary },
      tls: { ca: pem("CERTIFICATE"), cert: pem("CERTIFICATE"), key: pem("PRIVATE KEY") },
      logger: { debug: log, info: log, warn: log, error: log },
      retry: { maxAttempts: 5 },
    });
    const shown: unknown[] = [connection, connection.transport, lines];
    const events = await eventsUntilClosed(connection, async () => {
      const kv = createClient(KV, connection.transport);
      const value = new TextEncoder().encode(canary);
      const failed = caught(kv.put({ key: value, value }, { headers: { tenant: canary } }));
      const read = caught(kv.range({ key: value }));
      await cluster.clock.advance(10_000);
      shown.push(await failed, await read);
    });
    shown.push(events);
    expect(lines.length).toBeGreaterThan(0);
    for (const one of shown) {
      expect(inspect(one, { depth: 10, showHidden: true })).not.toContain("hunter2");
      expect(JSON.stringify(one)).not.toContain("hunter2");
      if (one instanceof Error) expect(`${one.stack}${one.message}`).not.toContain("hunter2");
    }
  });
});
