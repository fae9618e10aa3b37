import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { openBridge } from "./bridge/bridge.js";
import { freePorts } from "./free-ports.js";
import { startScriptedServer } from "./scripted/scripted-server.js";

/** Where Linux begins with the ports that it chooses itself; others begin later. */
const firstOfSystem = 32_768;

describe("free ports", () => {
  it("are none that the system gives to others while their server is away", async () => {
    for (const port of await freePorts(5)) expect(port).toBeLessThan(firstOfSystem);
    await using bridge = await openBridge("http://127.0.0.1:1");
    await using server = await startScriptedServer();
    for (const { endpoint } of [bridge, server])
      expect(Number(new URL(endpoint).port)).toBeLessThan(firstOfSystem);
  });

  it("are others each time", async () => {
    const ports = [...(await freePorts(3)), ...(await freePorts(3))];
    expect(new Set(ports).size).toBe(6);
  });

  it("pass over one that somebody listens on", async () => {
    const [port = 0] = await freePorts(1);
    const taker = createServer();
    taker.listen(port + 1, "127.0.0.1");
    await once(taker, "listening").catch(() => undefined); // or somebody else does
    expect(await freePorts(3)).not.toContain(port + 1);
    taker.close();
  });

  it("are one at least", async () => {
    for (const count of [0, -1, 1.5]) await expect(freePorts(count)).rejects.toThrow(/^count:/);
  });
});
