import { once } from "node:events";
import { type ClientHttp2Session, connect, createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildFrame, goawayFrame, rstStreamFrame, settingsFrame } from "../frames/build.js";
import { type FrameProxy, openFrameProxy } from "./frame-proxy.js";

let server: Http2Server;
let proxy: FrameProxy;
const sessions: ClientHttp2Session[] = [];
/** What the server has been asked, in order. */
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = createServer();
  // What a test breaks is no fault of the server's.
  server.on("sessionError", () => undefined);
  server.on("stream", (stream, headers) => {
    stream.on("error", () => undefined);
    asked.push(headers[":path"] ?? "");
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      if (stream.destroyed) return;
      stream.respond({ ":status": 200 });
      stream.end(Buffer.concat(parts).toString().toUpperCase());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await openFrameProxy({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
});

afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy();
  await proxy.close();
  server.close();
});

function open(): ClientHttp2Session {
  const session = connect(proxy.endpoint);
  session.on("error", () => undefined);
  sessions.push(session);
  return session;
}

/** Asks and resolves with the answer, or rejects with what went wrong. */
async function ask(session: ClientHttp2Session, text: string, path = "/"): Promise<string> {
  const stream = session.request({ ":method": "POST", ":path": path });
  stream.end(text);
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  const closed = once(stream, "close");
  await closed;
  if (stream.rstCode !== 0) throw new Error(`reset with ${stream.rstCode}`);
  return Buffer.concat(parts).toString();
}

describe("a frame proxy", () => {
  it("carries everything as it is, and counts what it sees", async () => {
    const session = open();
    const large = "x".repeat(300_000);
    expect(await ask(session, "hello")).toBe("HELLO");
    expect(await ask(session, large)).toBe(large.toUpperCase());
    expect(proxy.connections()).toBe(1);
    expect(proxy.seen({ direction: "toServer", type: "HEADERS" })).toBe(2);
    expect(proxy.seen({ direction: "toServer", type: "HEADERS", streamId: 3 })).toBe(1);
    expect(proxy.seen({ direction: "toClient", type: "DATA", endStream: true })).toBe(2);
    expect(proxy.actions).toEqual([]);
  });

  it.each([1, 7, 64])("slices into %d bytes without a difference", async (bytes) => {
    proxy.slice(bytes);
    expect(await ask(open(), "hello there, general ".repeat(5))).toBe("HELLO THERE, GENERAL ".repeat(5));
  });

  it("collects into large chunks without a difference", async () => {
    proxy.coalesce(2 ** 20);
    const session = open();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(session, `call ${index}`)),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => `CALL ${index}`));
  });

  it("drops the frames of a rule, and only those", async () => {
    const session = open();
    const rule = proxy.when({ direction: "toServer", type: "DATA", streamId: 3 }, { do: "drop" });
    expect(await ask(session, "one")).toBe("ONE");
    const lost = ask(session, "two").catch(String);
    expect(await ask(session, "three")).toBe("THREE");
    await rule.hit();
    session.destroy();
    await lost;
    expect(asked).toHaveLength(3);
  });

  it("acts at the n-th frame of a connection, or from it on", async () => {
    const second = proxy.when({ direction: "toServer", type: "HEADERS", nth: 2 }, { do: "pass" });
    const later = proxy.when(
      { direction: "toServer", type: "HEADERS", nth: 2, andLater: true },
      { do: "pass" },
    );
    for (let round = 0; round < 2; round++) {
      const session = open();
      for (let call = 0; call < 4; call++) await ask(session, "x");
    }
    expect([second.hits, later.hits]).toEqual([2, 6]);
    second.remove();
    const session = open();
    for (let call = 0; call < 4; call++) await ask(session, "x");
    expect([second.hits, later.hits]).toEqual([2, 9]);
  });

  it("acts on one connection only when told so", async () => {
    const rule = proxy.when({ direction: "toServer", type: "HEADERS", connection: 2 }, { do: "pass" });
    await ask(open(), "x");
    expect(rule.hits).toBe(0);
    await ask(open(), "x");
    expect(rule.hits).toBe(1);
  });

  it("resets the connection behind a frame, which the server then has", async () => {
    const session = open();
    proxy.when({ direction: "toServer", type: "DATA", endStream: true }, { do: "cut" });
    const arrived = once(server, "stream");
    await expect(ask(session, "x")).rejects.toThrow();
    await arrived;
    expect(proxy.connections()).toBe(0);
    expect(proxy.actions.map(({ action }) => action)).toEqual(["cut at DATA on stream 1 toServer"]);
  });

  it("resets it before a frame, which nobody then has", async () => {
    const session = open();
    proxy.when({ direction: "toServer", type: "HEADERS", nth: 2 }, { do: "cut", before: true });
    expect(await ask(session, "x", "/first")).toBe("X");
    await expect(ask(session, "x", "/second")).rejects.toThrow();
    expect(asked).toEqual(["/first"]);
  });

  it("ends one way behind a frame", async () => {
    const session = open();
    const ended = new Promise((resolve) => session.socket.on("end", resolve));
    proxy.when({ direction: "toClient", type: "DATA", endStream: true }, { do: "half-close" });
    await ask(session, "x").catch(() => undefined);
    await ended;
  });

  it("holds a frame, and all behind it, until it is released", async () => {
    const session = open();
    const rule = proxy.when({ direction: "toClient", type: "HEADERS" }, { do: "hold" });
    let answered = false;
    const answer = ask(session, "x").finally(() => {
      answered = true;
    });
    await rule.hit();
    const other = open();
    await once(other, "connect");
    expect(answered).toBe(false);
    proxy.release();
    expect(await answer).toBe("X");
  });

  it("puts frames in that nobody sent, that way or the other", async () => {
    const session = open();
    await once(session, "remoteSettings");
    const goaway = once(session, "goaway");
    proxy.when(
      { direction: "toServer", type: "HEADERS", connection: 1 },
      { do: "inject", bytes: goawayFrame(1, 11), other: true },
    );
    await ask(session, "x").catch(() => undefined);
    expect((await goaway)[0]).toBe(11);

    const second = open();
    proxy.when(
      { direction: "toClient", type: "HEADERS", connection: 2 },
      { do: "inject", bytes: rstStreamFrame(1, 7) },
    );
    await expect(ask(second, "x")).rejects.toThrow("NGHTTP2_REFUSED_STREAM");
  });

  it("puts bytes into every open connection at once", async () => {
    const all = [open(), open()];
    await Promise.all(all.map((session) => ask(session, "x")));
    const changed = all.map((session) => once(session, "remoteSettings"));
    proxy.inject("toClient", settingsFrame({ 3: 7 }));
    for (const [settings] of await Promise.all(changed))
      expect(settings).toMatchObject({ maxConcurrentStreams: 7 });
  });

  it("turns bits of a frame", async () => {
    const session = open();
    proxy.when({ direction: "toClient", type: "DATA" }, { do: "corrupt", offset: 9, xor: 0x20 });
    expect(await ask(session, "x")).toBe("x");
  });

  it("loses answers and then cuts, so that the client cannot know", async () => {
    const session = open();
    await once(session, "remoteSettings");
    proxy.when({ direction: "toServer", type: "DATA", endStream: true }, { do: "lose-answers", quietMs: 20 });
    await expect(ask(session, "x", "/done")).rejects.toThrow();
    expect(asked).toEqual(["/done"]);
    expect(proxy.actions.map(({ action }) => action)).toEqual([
      "lose-answers at DATA on stream 1 toServer",
      "cut after lost answers",
    ]);
  });

  it("cuts after a byte, wherever that lies", async () => {
    for (const bytes of [1, 24, 30, 60]) {
      const cut = proxy.cutAfter(bytes, "toServer");
      const session = open();
      await expect(ask(session, "x")).rejects.toThrow();
      await cut;
    }
    expect(await ask(open(), "x")).toBe("X");
  });

  it("gives every action a time that never goes back", async () => {
    proxy.slice(1);
    proxy.slice(undefined);
    proxy.when({ direction: "toServer", type: "SETTINGS", andLater: true }, { do: "pass" });
    await ask(open(), "x");
    const times = proxy.actions.map(({ atMs }) => atMs);
    expect(times.length).toBeGreaterThanOrEqual(3);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("ends waits when it closes, and may be closed twice", async () => {
    const rule = proxy.when({ direction: "toServer", type: "GOAWAY" }, { do: "pass" });
    const waits = [rule.hit(), proxy.cutAfter(1_000_000, "toClient"), proxy.connected(99)];
    await proxy.close();
    await proxy.close();
    for (const wait of waits) await expect(wait).rejects.toThrow("the proxy was closed");
    expect(() => proxy.when({ direction: "toServer" }, { do: "pass" })).toThrow("closed");
  });

  it("refuses what means nothing", async () => {
    await expect(openFrameProxy("https://127.0.0.1:1")).rejects.toThrow(TypeError);
    const direction = "toServer";
    expect(() => proxy.when({ direction, nth: 0 }, { do: "pass" })).toThrow(RangeError);
    expect(() => proxy.when({ direction }, { do: "corrupt", offset: -1, xor: 1 })).toThrow(RangeError);
    expect(() => proxy.when({ direction }, { do: "corrupt", offset: 0, xor: 0 })).toThrow(RangeError);
    expect(() => proxy.when({ direction }, { do: "lose-answers", quietMs: -1 })).toThrow(RangeError);
    expect(() => proxy.slice(0)).toThrow(RangeError);
    await expect(proxy.cutAfter(0, direction)).rejects.toThrow(RangeError);
    expect(buildFrame("PING", 0, 0).length).toBe(9);
  });
});
