import { createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { openBridge, openFrameProxy } from "@etcdkit/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { bytes, failureOf, onServer } from "./transport-ground.js";

// The server's part in these rows is the same in all versions: HTTP/2 of the same library.
describeNewestEtcd("our transport, when what it is connected to is slow or silent", (etcd) => {
  const shared = etcd.shared();
  let endpoint: string;
  beforeEach(() => {
    endpoint = shared.endpoints[0] ?? "";
  });

  it("F13 a slow link: everything works, and nothing is taken for dead that is heard of late", async () => {
    await using bridge = await openBridge(endpoint);
    bridge.latency(200, 150);
    // What counts is the last byte. Pinged much more often than this, etcd would hang up.
    await using ground = onServer(bridge.endpoint, {
      keepAlive: { intervalMs: 1_000, timeoutMs: 2_000, withoutCalls: false },
    });
    await ground.connect(10_000);
    const value = Buffer.alloc(200_000, "v");
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          ground.kv.put({ key: bytes(`F13/${index}`), value }, { timeoutMs: 30_000 }),
        ),
      );
    }
    const { kvs } = await ground.kv.range({ key: bytes("F13/"), rangeEnd: bytes("F130") });
    expect(kvs.map((one) => one.value.length)).toEqual(Array(5).fill(200_000));
    expect(ground.states).toEqual(["connecting", "ready"]);
  });

  describe("F15 chunks of another size", () => {
    async function session(at: string): Promise<string[]> {
      await using ground = onServer(at);
      await ground.connect();
      const key = bytes("F15/key");
      const seen: string[] = [];
      for (let round = 0; round < 3; round++) {
        await ground.kv.put({ key, value: Buffer.alloc(100 * round, round) });
        const { kvs } = await ground.kv.range({ key });
        seen.push(Buffer.from(kvs[0]?.value ?? []).toString("hex"));
      }
      seen.push(await failureOf(ground.kv.range({})));
      return seen;
    }

    it("give the same results byte by byte, in odd slices and in giant chunks", async () => {
      const expected = await session(endpoint);
      for (const size of [1, 2, 9, 13]) {
        await using proxy = await openFrameProxy(endpoint);
        proxy.slice(size);
        expect(await session(proxy.endpoint)).toEqual(expected);
      }
      await using proxy = await openFrameProxy(endpoint);
      proxy.coalesce(2 ** 20);
      expect(await session(proxy.endpoint)).toEqual(expected);
    });

    it("take no longer than in proportion: a MiB in slices of ten bytes", async () => {
      await using direct = onServer(endpoint);
      await direct.connect();
      const key = bytes("F15/large");
      await direct.kv.put({ key, value: Buffer.alloc(2 ** 18, 1) });
      await using proxy = await openFrameProxy(endpoint);
      proxy.slice(10, "toClient");
      await using ground = onServer(proxy.endpoint);
      await ground.connect();
      const { kvs } = await ground.kv.range({ key }, { timeoutMs: 50_000 });
      expect(kvs[0]?.value.length).toBe(2 ** 18);
    });
  });

  describe("F16 a server that accepts and never speaks", () => {
    it("costs the time of one attempt, and no more", async () => {
      const sockets: Socket[] = [];
      const server = createServer((socket) => sockets.push(socket));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("no port");
      await using ground = onServer(`http://127.0.0.1:${address.port}`);
      const begun = performance.now();
      await expect(ground.connect(300)).rejects.toMatchObject({ name: "TimeoutError" });
      expect(performance.now() - begun).toBeLessThan(3_000);
      expect(ground.states).toEqual(["connecting", "failed"]);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });

    it("can be given up by closing", async () => {
      await using bridge = await openBridge(endpoint);
      await bridge.stall();
      await using ground = onServer(bridge.endpoint);
      const refused = expect(ground.connect(60_000)).rejects.toThrow("the transport is closed");
      await bridge.connected(1);
      await ground.link.close();
      await refused;
    });
  });

  describe("F17 a flow-control stall", () => {
    it("of one stream: the large write fails at its deadline, small calls are not concerned", async () => {
      await using proxy = await openFrameProxy(endpoint);
      await using ground = onServer(proxy.endpoint);
      await ground.connect();
      proxy.when(
        { direction: "toClient", type: "WINDOW_UPDATE", streamId: 1, andLater: true },
        { do: "drop" },
      );
      const large = failureOf(
        ground.kv.put({ key: bytes("F17"), value: Buffer.alloc(1_000_000) }, { timeoutMs: 1_000 }),
      );
      for (let call = 0; call < 50; call++)
        await ground.kv.put({ key: bytes("F17/small"), value: Buffer.alloc(1_000) });
      expect(await large).toBe("DeadlineExceeded unsent");
      expect(ground.states).toEqual(["connecting", "ready"]);
    });

    it("of the whole connection: calls fail at their deadline, and then another connection takes over", async () => {
      await using proxy = await openFrameProxy(endpoint);
      await using ground = onServer(proxy.endpoint);
      await ground.connect();
      proxy.when(
        { direction: "toClient", type: "WINDOW_UPDATE", connection: 1, andLater: true },
        { do: "drop" },
      );
      const large = failureOf(
        ground.kv.put({ key: bytes("F17"), value: Buffer.alloc(1_000_000) }, { timeoutMs: 4_000 }),
      );
      const small = failureOf(ground.kv.put({ key: bytes("F17/small") }, { timeoutMs: 4_100 }));
      expect(await large).toBe("DeadlineExceeded unsent");
      expect(await small).toBe("DeadlineExceeded unsent");
      expect(ground.link.state).toBe("idle");
      await ground.connect();
      await ground.kv.put({ key: bytes("F17"), value: Buffer.alloc(1_000_000) });
    });
  });

  it("F18 a brown-out: latency rises, and the link is not given up", async () => {
    await using cluster = await etcd.start();
    const [member] = cluster.members;
    await using ground = onServer(cluster.endpoints[0] ?? "", {
      keepAlive: { intervalMs: 300, timeoutMs: 1_500, withoutCalls: false },
    });
    await ground.connect();
    let isOver = false;
    const browning = (async () => {
      for (let round = 0; round < 40; round++) {
        await member?.pause();
        await delay(80); // the fault itself, which lasts that long
        member?.resume();
        await delay(20);
      }
      isOver = true;
    })();
    let served = 0;
    while (!isOver) {
      await ground.kv.put({ key: bytes("F18") }, { timeoutMs: 20_000 });
      served++;
    }
    await browning;
    expect(served).toBeGreaterThan(5);
    expect(ground.states).toEqual(["connecting", "ready"]);
  });
});
