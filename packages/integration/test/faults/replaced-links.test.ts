import type { Connection, ConnectionEvent } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { goawayFrame, openBridge, openFrameProxy } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";

/** Collects what becomes of an endpoint until its link is up for the `times`-th time. */
async function statesUntilReady(
  connection: Connection,
  times: number,
  meanwhile: () => void | Promise<void>,
): Promise<readonly string[]> {
  const events: AsyncIterable<ConnectionEvent> = connection.events({ signal: AbortSignal.timeout(20_000) });
  const states: string[] = [];
  await meanwhile();
  for await (const event of events) {
    if (event.type === "endpoint-state") states.push(event.state);
    if (states.filter((state) => state === "ready").length === times) break;
  }
  return states;
}

// Who dials, and when, is the client's business: the server's version does not matter.
describeNewestEtcd("a link that is lost while nobody calls", (etcd) => {
  const shared = etcd.shared();

  it("F07 by a reset: is there again before the next call", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    await connection.ready();
    const states = await statesUntilReady(connection, 1, () => bridge.cut());
    expect(states).toEqual(["connecting", "ready"]);
    await bridge.connected(2);
    await createKv(connection).get("any");
    expect(bridge.connections()).toBe(1);
  });

  it("F09 by a GOAWAY: is there again before the next call", async () => {
    await using proxy = await openFrameProxy(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: proxy.endpoint });
    await connection.ready();
    const states = await statesUntilReady(connection, 1, () =>
      proxy.inject("toClient", goawayFrame(2 ** 31 - 1)),
    );
    expect(states).toEqual(["connecting", "ready"]);
    await proxy.connected(2);
    await createKv(connection).get("any");
  });

  it("F28 again and again: is dialled after pauses, which nobody has to call for", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    await using connection = shared.connect({ endpoints: bridge.endpoint });
    await connection.ready();
    await bridge.refuse();
    const states = await statesUntilReady(connection, 1, async () => {
      bridge.cut();
      // Three dials have failed, on top of the one that follows the loss at once.
      let failures = 0;
      for await (const event of connection.events({ signal: AbortSignal.timeout(20_000) })) {
        if (event.type === "endpoint-state" && event.state === "failed" && ++failures === 4) break;
      }
      await bridge.pass();
    });
    expect(states.filter((state) => state === "failed").length).toBeGreaterThan(3);
    expect(states.at(-1)).toBe("ready");
    await createKv(connection).get("any");
    expect(bridge.connections()).toBe(1);
  });
});
