import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import type { Connection, Endpoint } from "@etcdkit/core";
import { Watch } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";

const watches = 50;
const flaps = 40;
const flapMs = 500;

/** Opens sockets as the client itself would, and keeps account of them by port. */
function countingDial() {
  const dialled = new Map<number, number>();
  const open = new Map<number, Set<Socket>>();
  const mostOpen = new Map<number, number>();
  return {
    dialled: (port: number) => dialled.get(port) ?? 0,
    mostOpen: (port: number) => mostOpen.get(port) ?? 0,
    dial(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
      const { hostname: host, port: text } = new URL(endpoint.url);
      const port = Number(text);
      const socket = connectTcp({ host, port, signal });
      const sockets = open.get(port) ?? new Set();
      open.set(port, sockets.add(socket));
      dialled.set(port, (dialled.get(port) ?? 0) + 1);
      const living = [...sockets].filter((one) => !one.destroyed).length;
      mostOpen.set(port, Math.max(mostOpen.get(port) ?? 0, living));
      socket.on("close", () => sockets.delete(socket));
      return new Promise((resolve, reject) => {
        socket.on("error", reject);
        socket.on("connect", () => resolve(socket));
      });
    },
  };
}

/** Watches a key until the signal aborts, again whenever that breaks; each time that it works goes into `created`. */
async function keepWatching(
  connection: Connection,
  key: string,
  created: string[],
  signal: AbortSignal,
): Promise<void> {
  async function* requests() {
    yield { requestUnion: { case: "createRequest" as const, value: { key: Buffer.from(key) } } };
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  while (!signal.aborted) {
    try {
      const answers = createClient(Watch, connection.transport).watch(requests(), { signal });
      for await (const answer of answers) if (answer.created) created.push(key);
    } catch {
      // Broken, or told to end.
    }
  }
}

// Back-off is the client's doing: the server's version does not matter.
describeNewestEtcd("F28 an endpoint that comes and goes", (etcd) => {
  const shared = etcd.shared({ members: 2 });

  it("disturbs no call, and is dialled ever less often, over one socket at a time", async () => {
    const [first = "", second = ""] = shared.endpoints;
    await using bridge = await openBridge(first);
    const sockets = countingDial();
    await using connection = shared.connect({ endpoints: [bridge.endpoint, second], dial: sockets.dial });
    const kv = createKv(connection);
    await connection.ready();
    await expect
      .poll(() => [...connection.states().values()], { timeout: 15_000 })
      .toEqual(["ready", "ready"]);
    const ending = new AbortController();
    const created: string[] = [];
    const watching = Array.from({ length: watches }, (_, index) =>
      keepWatching(connection, `F28/${index}`, created, ending.signal),
    );
    await expect.poll(() => created.length, { timeout: 15_000 }).toBe(watches);
    let reads = 0;
    const reading = (async () => {
      for (; !ending.signal.aborted; reads++) {
        await kv.get("F28");
        await delay(5); // the pace of a program, not a wait
      }
    })();
    reading.catch(() => undefined); // looked at below
    for (let flap = 0; flap < flaps; flap++) {
      if (flap % 2 === 0) {
        await bridge.refuse();
        bridge.cut();
      } else {
        await bridge.pass();
      }
      await delay(flapMs); // the fault itself
    }
    ending.abort();
    await reading; // none has failed
    await Promise.all(watching);
    expect(reads).toBeGreaterThan(flaps);
    // Those that were cut went to the other endpoint, and had no reason to leave that.
    expect(created.length).toBeGreaterThan(watches);
    expect(created.length).toBeLessThan(5 * watches);
    // Pauses of up to 5 s on average come to some fifteen dials.
    expect(sockets.dialled(bridge.port)).toBeLessThan(40);
    expect(sockets.mostOpen(bridge.port)).toBe(1);
    expect(sockets.mostOpen(Number(new URL(second).port))).toBe(1);
  });
});
