import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { resetSocket } from "./reset-socket.js";

/** A connection in this process: the side to reset, and what the other one sees. */
async function connected() {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, "connection");
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const [[other]] = (await Promise.all([accepted, once(socket, "connect")])) as [[Socket], unknown];
  server.close();
  const seen = new Promise<string>((resolve) => {
    other.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
  });
  other.resume();
  return { socket, seen };
}

describe("a connection that is reset", () => {
  it("is an error to the other side", async () => {
    const { socket, seen } = await connected();
    resetSocket(socket);
    await once(socket, "close");
    expect(await seen).toBe("ECONNRESET");
  });

  it.each<[string, (socket: Socket) => unknown]>([
    ["sends its end", (socket) => socket.end()],
    ["sends its last bytes and its end", (socket) => socket.end(Buffer.alloc(1_000_000))],
    ["has sent its end", (socket) => once(socket.end(), "finish")],
  ])("is closed without an error while it %s", async (_, prepare) => {
    const { socket } = await connected();
    const errors: unknown[] = [];
    socket.on("error", (error) => errors.push(error));
    await prepare(socket);
    const closed = once(socket, "close");
    resetSocket(socket);
    await closed;
    expect(errors).toEqual([]);
  });

  it("is closed without an error while it is being made", async () => {
    const socket = connect({ host: "127.0.0.1", port: 9 });
    const closed = once(socket, "close");
    resetSocket(socket);
    await closed;
    expect(socket.closed).toBe(true);
  });
});
