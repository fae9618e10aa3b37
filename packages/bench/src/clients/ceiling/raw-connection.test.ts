import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { prepareRequest } from "./frames.js";
import { RawConnection } from "./raw-connection.js";

interface Served {
  readonly path: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

const opened: { server: Http2Server; sessions: ServerHttp2Session[] }[] = [];
afterEach(async () => {
  for (const { server, sessions } of opened.splice(0)) {
    for (const session of sessions) session.destroy();
    server.close();
    await once(server, "close");
  }
});

/** A server that answers each request with as many bytes as its path says, and says what it got. */
async function start(): Promise<{ port: number; served: Served[]; sessions: ServerHttp2Session[] }> {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const served: Served[] = [];
  opened.push({ server, sessions });
  server.on("session", (session) => sessions.push(session));
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const path = headers[":path"];
      served.push({ path, contentType: headers["content-type"], body: Buffer.concat(chunks) });
      stream.respond({ ":status": 200 }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(Number(path?.slice(1))));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, served, sessions };
}

const request = (answerBytes: number, message: Uint8Array) =>
  prepareRequest("127.0.0.1", `/${answerBytes}`, message);

describe("RawConnection", () => {
  it("sends gRPC messages and counts what comes back", async () => {
    const { port, served } = await start();
    const connection = await RawConnection.open("127.0.0.1", port);
    const bytes = await Promise.all(
      [10, 300].map((count) => connection.send(request(count, Buffer.from("hi")))),
    );
    expect(bytes).toEqual([10, 300]);
    const body = Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]);
    expect(served).toEqual([
      { path: "/10", contentType: "application/grpc", body },
      { path: "/300", contentType: "application/grpc", body },
    ]);
    connection.close();
  });

  it("sends more than the server's window, as the server makes room", async () => {
    const { port, served } = await start();
    const connection = await RawConnection.open("127.0.0.1", port);
    const large = request(1, Buffer.alloc(40_000, 7));
    const bytes = await Promise.all(Array.from({ length: 20 }, () => connection.send(large)));
    expect(bytes).toEqual(Array.from({ length: 20 }, () => 1));
    expect(served.map(({ body }) => body.length)).toEqual(bytes.map(() => 40_005));
    connection.close();
  });

  it("receives large answers, whatever pieces they come in", async () => {
    const { port } = await start();
    const connection = await RawConnection.open("127.0.0.1", port);
    const sizes = [1_000_000, 16_384, 3_000_001, 1];
    const bytes = await Promise.all(sizes.map((size) => connection.send(request(size, Buffer.alloc(0)))));
    expect(bytes).toEqual(sizes);
    connection.close();
  });

  it("rejects what is open when the server goes away, and all that comes later", async () => {
    const { port, sessions } = await start();
    const connection = await RawConnection.open("127.0.0.1", port);
    await connection.send(request(1, Buffer.alloc(0)));
    for (const session of sessions) session.destroy();
    await expect(connection.send(request(1, Buffer.alloc(0)))).rejects.toThrow(/GOAWAY|closed|reset/i);
    await expect(connection.send(request(1, Buffer.alloc(0)))).rejects.toThrow(Error);
  });

  it("refuses a request that one stream's window does not hold", async () => {
    const { port } = await start();
    const connection = await RawConnection.open("127.0.0.1", port);
    expect(() => connection.send(request(1, Buffer.alloc(65_531)))).toThrow(RangeError);
    connection.close();
  });
});
