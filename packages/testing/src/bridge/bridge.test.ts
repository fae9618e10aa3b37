import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMilestones } from "../milestones.js";
import { type Bridge, openBridge } from "./bridge.js";

/** A server that answers every chunk with its capitals and keeps what it was sent. */
async function startShouter(name = "") {
  const heard: Buffer[] = [];
  const bytes = createMilestones("bytes");
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      heard.push(chunk);
      bytes.add(chunk.length);
      socket.write(name + chunk.toString().toUpperCase());
    });
    socket.on("end", () => socket.end("bye"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    target: { host: "127.0.0.1", port },
    text: () => Buffer.concat(heard).toString(),
    hears: (count: number) => bytes.reached(count),
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A client that remembers what it was told and how its connection ended. */
async function dial(bridge: Bridge) {
  const socket = connect({ host: "127.0.0.1", port: bridge.port, allowHalfOpen: true });
  const heard: Buffer[] = [];
  let news = (): void => undefined;
  socket.on("data", (chunk) => {
    heard.push(chunk);
    news();
  });
  const text = (): string => Buffer.concat(heard).toString();
  const ended = new Promise<string>((resolve) => {
    socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    socket.on("end", () => resolve("end"));
  });
  await once(socket, "connect");
  return {
    socket,
    text,
    ended,
    async hears(expected: string) {
      while (text() !== expected) {
        if (text().length > expected.length) throw new Error(`expected ${expected}, heard ${text()}`);
        await new Promise<void>((resolve) => {
          news = resolve;
        });
      }
    },
  };
}

describe("a bridge", () => {
  let shouter: Awaited<ReturnType<typeof startShouter>>;
  let bridge: Bridge;
  const clients: Socket[] = [];
  const client = async () => {
    const dialled = await dial(bridge);
    clients.push(dialled.socket);
    return dialled;
  };

  beforeEach(async () => {
    shouter = await startShouter();
    bridge = await openBridge(shouter.target);
  });
  afterEach(async () => {
    for (const socket of clients.splice(0)) socket.destroy();
    await bridge.close();
    await shouter[Symbol.asyncDispose]();
  });

  it("carries bytes both ways and counts them", async () => {
    const a = await client();
    a.socket.write("hello");
    await a.hears("HELLO");
    expect(bridge.connections()).toBe(1);
    expect(bridge.forwarded("toServer")).toBe(5);
    expect(bridge.forwarded("toClient")).toBe(5);
    await bridge.connected(1);
    await bridge.carried(5, "toClient");
  });

  it("listens on a port that it is told, as another bridge does on another host", async () => {
    await using other = await openBridge(shouter.target, { host: "127.0.0.2", port: bridge.port });
    expect(other.endpoint).toBe(`http://127.0.0.2:${bridge.port}`);
    for (const port of [0, 65_536, 1.5, Number.NaN])
      await expect(openBridge(shouter.target, { port })).rejects.toThrow(
        `port: expected 1 to 65535, got ${port}`,
      );
  });

  it("passes the end of one side on and keeps the other open", async () => {
    const a = await client();
    a.socket.end("hello");
    expect(await a.ended).toBe("end");
    expect(a.text()).toBe("HELLObye");
  });

  it("carries megabytes to a slow reader without keeping them", async () => {
    const a = await client();
    a.socket.pause();
    const sent = Buffer.alloc(8 << 20, "x");
    a.socket.write(sent);
    await bridge.carried(65_536, "toServer");
    let received = 0;
    a.socket.removeAllListeners("data");
    const all = new Promise<void>((resolve) => {
      a.socket.on("data", (chunk) => {
        received += chunk.length;
        if (received === sent.length) resolve();
      });
    });
    a.socket.resume();
    await all;
    expect(bridge.forwarded("toClient")).toBe(sent.length);
  });

  it("holds bytes in a black hole and delivers them when it passes again", async () => {
    const a = await client();
    a.socket.write("one");
    await a.hears("ONE");
    await bridge.blackhole();
    a.socket.write("two");
    const b = await client();
    b.socket.write("three");
    await bridge.connected(2);
    expect(bridge.connections()).toBe(2);
    expect(bridge.forwarded("toServer")).toBe(3);
    await bridge.pass();
    await Promise.all([a.hears("ONETWO"), b.hears("THREE")]);
  });

  it("lets a black hole swallow one way only", async () => {
    const a = await client();
    await bridge.blackhole("toClient");
    a.socket.write("one");
    await shouter.hears(3);
    expect(a.text()).toBe("");
    await bridge.blackhole("toServer");
    await a.hears("ONE");
  });

  it("accepts and never reads when it stalls, and dials the server when it passes again", async () => {
    await bridge.stall();
    const a = await client();
    a.socket.write("one");
    await bridge.connected(1);
    expect(shouter.sockets.size).toBe(0);
    await bridge.pass();
    await a.hears("ONE");
  });

  it("refuses connections, keeps the open ones, and takes new ones at the same port later", async () => {
    const a = await client();
    await bridge.refuse();
    await expect(dial(bridge)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    a.socket.write("still");
    await a.hears("STILL");
    await bridge.pass();
    const b = await client();
    b.socket.write("again");
    await b.hears("AGAIN");
  });

  it("resets every connection when cut, at once and not for ever", async () => {
    const [a, b] = [await client(), await client()];
    a.socket.write("x");
    await a.hears("X");
    bridge.cut();
    expect(await Promise.all([a.ended, b.ended])).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(bridge.connections()).toBe(0);
    const c = await client();
    c.socket.write("y");
    await c.hears("Y");
  });

  it("cuts after exactly so many bytes to the server", async () => {
    const a = await client();
    const cut = bridge.cutAfter(7, "toServer");
    a.socket.write("hello");
    await a.hears("HELLO");
    a.socket.write("world");
    await cut;
    expect(await a.ended).toBe("ECONNRESET");
    expect(bridge.forwarded("toServer")).toBe(7);
    const b = await client();
    b.socket.write("more than seven bytes");
    await b.hears("MORE THAN SEVEN BYTES");
    expect(shouter.text()).toBe("hellowomore than seven bytes");
  });

  it.each([1, 2, 3, 4, 5])("cuts after byte %i to the client, which still gets that byte", async (bytes) => {
    const a = await client();
    const cut = bridge.cutAfter(bytes, "toClient");
    a.socket.write("hello");
    await cut;
    // Node 22 reports an end when bytes and the reset after them arrive in one turn.
    expect(["ECONNRESET", "end"]).toContain(await a.ended);
    expect(bridge.connections()).toBe(0);
    expect(a.text()).toBe("HELLO".slice(0, bytes));
  });

  it("forgets the budget of a cut when another one is ordered", async () => {
    const first = bridge.cutAfter(1, "toServer");
    const second = bridge.cutAfter(3, "toServer");
    await expect(first).rejects.toThrow("another cut");
    const a = await client();
    a.socket.write("abc");
    await second;
    expect(bridge.forwarded("toServer")).toBe(3);
  });

  it("delivers requests, drops the answers, then resets: the client cannot know", async () => {
    const a = await client();
    a.socket.write("one");
    await a.hears("ONE");
    const cut = bridge.dropAnswersThenCut({ quietMs: 20 });
    a.socket.write("two");
    await cut;
    expect(await a.ended).toBe("ECONNRESET");
    expect(shouter.text()).toBe("onetwo");
    expect(a.text()).toBe("ONE");
    const b = await client();
    b.socket.write("three");
    await b.hears("THREE");
  });

  it("loses the answers of as many connections as it is told", async () => {
    const cut = bridge.dropAnswersThenCut({ quietMs: 10, times: 2 });
    for (const word of ["one", "two"]) {
      const a = await client();
      a.socket.write(word);
      expect(await a.ended).toBe("ECONNRESET");
      expect(a.text()).toBe("");
    }
    await cut;
    const c = await client();
    c.socket.write("three");
    await c.hears("THREE");
    expect(shouter.text()).toBe("onetwothree");
  });

  it("says so when another flow comes before the answers were lost", async () => {
    const cut = bridge.dropAnswersThenCut();
    await bridge.pass();
    await expect(cut).rejects.toThrow("told to pass");
  });

  it("closes one way and leaves the other open", async () => {
    const a = await client();
    a.socket.write("one");
    await a.hears("ONE");
    bridge.halfClose("toServer");
    expect(await a.ended).toBe("end");
    expect(a.text()).toBe("ONEbye");
  });

  it("delays both ways and keeps the order", async () => {
    const a = await client();
    bridge.latency(40, 10);
    const startMs = performance.now();
    for (const digit of "0123456789") a.socket.write(digit);
    await a.hears("0123456789");
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(80);
    bridge.latency(0);
    a.socket.write("x");
    await a.hears("0123456789X");
  });

  it("takes new connections to another server after a swap", async () => {
    const a = await client();
    a.socket.write("x");
    await a.hears("X");
    await using other = await startShouter("other ");
    bridge.swap(other.target);
    const b = await client();
    b.socket.write("y");
    await b.hears("other Y");
    a.socket.write("z");
    await a.hears("XZ");
  });

  it("resets the client when the server cannot be reached", async () => {
    await shouter[Symbol.asyncDispose]();
    const a = await client();
    expect(await a.ended).toBe("ECONNRESET");
    expect(bridge.connections()).toBe(0);
  });

  it("lists what was done to it in order", async () => {
    await bridge.blackhole("toServer");
    bridge.latency(5);
    bridge.cut();
    expect(bridge.actions.map(({ action }) => action)).toEqual([
      "blackhole toServer",
      "latency 5 ms + 0 ms",
      "cut",
    ]);
    const times = bridge.actions.map(({ atMs }) => atMs);
    expect(times).toEqual([...times].sort((x, y) => x - y));
  });

  it("leaves nothing open and ends all waits when it is closed", async () => {
    const a = await client();
    const waits = [bridge.connected(9), bridge.carried(9, "toServer"), bridge.cutAfter(9, "toClient")];
    const ends = Promise.allSettled(waits);
    await Promise.all([bridge.close(), bridge.close()]);
    expect(await a.ended).toBe("ECONNRESET");
    for (const end of await ends) expect(end).toMatchObject({ reason: { message: "the bridge was closed" } });
    await expect(dial(bridge)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await expect(bridge.pass()).rejects.toThrow("the bridge is closed");
  });

  it("refuses numbers that make no sense", async () => {
    await expect(bridge.cutAfter(0, "toServer")).rejects.toThrow(/^bytes:/);
    await expect(bridge.connected(1.5)).rejects.toThrow(/^count:/);
    await expect(bridge.dropAnswersThenCut({ times: 0 })).rejects.toThrow(/^times:/);
    expect(() => bridge.latency(-1)).toThrow(/^ms:/);
  });
});

describe("the target of a bridge", () => {
  it.each([
    ["http://127.0.0.1:1", /^http:\/\/127\.0\.0\.1:\d+$/],
    ["https://127.0.0.1:1", /^https:/],
    ["unix:///tmp/nobody-listens", /^http:/],
    ["unixs:///tmp/nobody-listens", /^https:/],
    [new URL("https://[::1]:1"), /^https:/],
    [{ path: "/tmp/nobody-listens" }, /^http:/],
    [{ host: "::1", port: 1 }, /^http:/],
  ])("%s lends the bridge its scheme", async (target, endpoint) => {
    await using bridge = await openBridge(target);
    expect(bridge.endpoint).toMatch(endpoint);
  });

  it("is refused when no connection can be made to it", async () => {
    await expect(openBridge("ftp://127.0.0.1:1")).rejects.toThrow(/^target:/);
  });
});
