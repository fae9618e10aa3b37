import { createClient } from "@connectrpc/connect";
import type { Connection } from "@etcdkit/core";
import { Watch } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";

const limit = 4;

/** A stream that is open until it is ended. */
interface OpenStream {
  end(): Promise<void>;
}

/** Opens a watch and waits until the server has made it. */
async function openStream(connection: Connection, timeoutMs = 5_000): Promise<OpenStream> {
  const ending = new AbortController();
  const { signal } = ending;
  async function* requests() {
    yield { requestUnion: { case: "createRequest" as const, value: { key: Buffer.from("F11/watched") } } };
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  const opening = setTimeout(() => ending.abort(new Error("the stream was not opened in time")), timeoutMs);
  const answers = createClient(Watch, connection.transport)
    .watch(requests(), { signal })
    [Symbol.asyncIterator]();
  await answers.next();
  clearTimeout(opening);
  return {
    async end() {
      ending.abort(new Error("the stream is ended"));
      await answers.next().catch(() => undefined);
    },
  };
}

// Limits of HTTP/2 are the same to all versions of the server.
describeNewestEtcd("F11 a server that takes four streams on a connection", (etcd) => {
  const shared = etcd.shared({ args: ["--max-concurrent-streams", `${limit}`] });

  /** Opens a connection with so many links, and waits until all of them are up. */
  async function connectWith(endpoint: string, links: number): Promise<Connection> {
    const connection = shared.connect({ endpoints: endpoint, connectionsPerEndpoint: links });
    const events = connection.events({ signal: AbortSignal.timeout(10_000) });
    const opening = connection.ready();
    let up = 0;
    for await (const event of events) {
      if (event.type === "endpoint-state" && event.state === "ready") up++;
      if (up === links) break;
    }
    await opening;
    return connection;
  }

  async function openStreams(connection: Connection, count: number): Promise<readonly OpenStream[]> {
    const streams: OpenStream[] = [];
    while (streams.length < count) streams.push(await openStream(connection));
    return streams;
  }

  it("lets calls wait, no longer than their deadline, and they say why", async () => {
    const [endpoint = ""] = shared.endpoints;
    await using connection = await connectWith(endpoint, 1);
    const kv = createKv(connection);
    const [stream] = await openStreams(connection, limit);
    const waiting = Array.from({ length: 20 }, () => rejection(() => kv.put("F11", "", { timeoutMs: 500 })));
    for (const { error, afterMs } of await Promise.all(waiting)) {
      expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied", endpoint });
      expect(error.message).toContain("the server's limit of streams");
      expect(afterMs).toBeGreaterThan(450);
      expect(afterMs).toBeLessThan(5_000);
    }
    const served = Promise.all(Array.from({ length: 50 }, () => kv.put("F11", "")));
    await stream?.end();
    await served;
  });

  it("takes as many on each link, and what is beyond that waits until there is room on one", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = await connectWith(bridge.endpoint, 3);
    const kv = createKv(connection);
    const [stream] = await openStreams(connection, 3 * limit);
    const { error } = await rejection(() => kv.get("F11", { timeoutMs: 500 }));
    expect(error).toMatchObject({ code: "DEADLINE" });
    expect(error.message).toContain("the server's limit of streams");
    await stream?.end();
    await kv.get("F11");
    expect(bridge.connections()).toBe(3);
  });

  it("never lets a call wait at a full link while another one has room", async () => {
    await using connection = await connectWith(shared.endpoints[0] ?? "", 2);
    const kv = createKv(connection);
    const streams = await openStreams(connection, 2 * limit);
    for (const stream of streams.slice(0, 2)) {
      await stream.end();
      for (let call = 0; call < 20; call++) await kv.put("F11", `${call}`, { timeoutMs: 8_000 });
      await openStream(connection);
    }
  });
});
