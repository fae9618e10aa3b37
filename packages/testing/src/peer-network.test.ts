import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPeerNetwork, type PeerNetwork, proxiedPeerUrl } from "./peer-network.js";

describe("the network between members", () => {
  let network: PeerNetwork;
  let peer: Server;
  beforeEach(async () => {
    network = createPeerNetwork();
    peer = createServer((incoming, outgoing) => {
      outgoing.writeHead(200, { "x-path": incoming.url });
      if (incoming.url === "/endless") outgoing.write("begun");
      else incoming.pipe(outgoing);
    });
    peer.listen(0, "127.0.0.1");
    await once(peer, "listening");
  });
  afterEach(async () => {
    await network.close();
    peer.closeAllConnections();
    peer.close();
  });

  /** Says something to member m2 in the way that a member with this name does. */
  async function speak(from: string, path = "/raft"): Promise<IncomingMessage> {
    const { HTTP_PROXY = "" } = await network.environmentOf(from);
    const { port } = peer.address() as AddressInfo;
    const target = `${proxiedPeerUrl("m2", `http://127.0.0.1:${port}`)}${path}`;
    const speaking = request(HTTP_PROXY, { path: target, method: "POST", agent: false });
    speaking.end("a message");
    const [answer] = await once(speaking, "response");
    return answer;
  }

  async function textOf(answer: IncomingMessage): Promise<string> {
    return Buffer.concat(await answer.toArray()).toString();
  }

  it("carries what members say, with path, body and headers", async () => {
    const answer = await speak("m1", "/raft/stream?term=2");
    expect(answer.headers["x-path"]).toBe("/raft/stream?term=2");
    expect(await textOf(answer)).toBe("a message");
  });

  it("carries nothing between members of different sides until it is healed", async () => {
    network.partition([["m2"]]);
    await expect(speak("m1")).rejects.toThrow("socket hang up");
    expect(await textOf(await speak("m2"))).toBe("a message");
    network.heal();
    expect(await textOf(await speak("m1"))).toBe("a message");
  });

  it("takes members that are on no side for one side", async () => {
    network.partition([["m1"], ["m3"]]);
    await expect(speak("m1")).rejects.toThrow("socket hang up");
    await expect(speak("m3")).rejects.toThrow("socket hang up");
    expect(await textOf(await speak("m4"))).toBe("a message");
  });

  it("lets a member on two sides reach both, which do not reach each other", async () => {
    network.partition([
      ["m1", "m3"],
      ["m2", "m3"],
    ]);
    await expect(speak("m1")).rejects.toThrow("socket hang up");
    expect(await textOf(await speak("m3"))).toBe("a message");
  });

  it("cuts at once what is under way", async () => {
    const [cut, kept] = [await speak("m1", "/endless"), await speak("m3", "/endless")];
    expect(String(await once(cut, "data"))).toBe("begun");
    expect(String(await once(kept, "data"))).toBe("begun");
    cut.on("error", () => undefined);
    const closed = new Promise((resolve) => cut.once("close", resolve));
    network.partition([["m1"]]);
    await closed;
    expect(kept.closed).toBe(false);
    kept.destroy();
  });

  it("is no way to other hosts", async () => {
    const { HTTP_PROXY = "" } = await network.environmentOf("m1");
    const speaking = request(HTTP_PROXY, { path: "http://127.0.0.1:1/", agent: false });
    speaking.end();
    await expect(once(speaking, "response")).rejects.toThrow("socket hang up");
  });
});
