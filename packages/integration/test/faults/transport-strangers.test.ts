import { randomBytes } from "node:crypto";
import { createSecureServer, type SecureServerOptions } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import {
  buildFrame,
  type CertifiedKey,
  createCertificateAuthority,
  FrameSplitter,
  settingsFrame,
} from "@etcdkit/testing";
import type { Http2TransportOptions } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { bytes, type Ground, onServer } from "./transport-ground.js";

interface Listener extends AsyncDisposable {
  readonly port: number;
}

async function listening(server: Server): Promise<Listener> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  server.on("sessionError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Something that takes connections and says what it likes. */
const saying = (speak: (socket: Socket) => void): Promise<Listener> => listening(createServer(speak));

/** Speaks HTTP/2 as far as the first request, and then answers that with bytes. */
function answering(answer: Buffer): Promise<Listener> {
  return saying((socket) => {
    const splitter = new FrameSplitter(true);
    socket.write(settingsFrame({}));
    socket.on("data", (chunk: Buffer) => {
      for (const piece of splitter.split(chunk)) {
        if (piece.kind === "frame" && piece.frame.type === 1) socket.write(answer);
      }
    });
  });
}

const block = (...fields: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.of(0, name.length),
      Buffer.from(name),
      Buffer.of(value.length),
      Buffer.from(value),
    ]),
  );
const headers = (flags: number, ...fields: readonly (readonly [string, string])[]): Buffer =>
  buildFrame("HEADERS", 4 | flags, 1, block(...fields));
const grpcHead = headers(0, [":status", "200"], ["content-type", "application/grpc"]);
const ok = headers(1, ["grpc-status", "0"]);
const data = (...parts: readonly (Uint8Array | readonly number[])[]): Buffer =>
  buildFrame("DATA", 0, 1, Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))));

async function toPort(
  port: number,
  scheme = "http",
  options: Omit<Http2TransportOptions, "endpoint"> = {},
): Promise<Ground> {
  return onServer(`${scheme}://127.0.0.1:${port}`, options);
}

/** What a busy machine may add. */
const slackMs = 2_000;

describe("F19 garbage", () => {
  it.each<[string, (socket: Socket) => void, RegExp]>([
    [
      "4 KiB at random",
      (socket) => socket.write(Buffer.concat([Buffer.of(1), randomBytes(4_095)])),
      /HTTP\/2/,
    ],
    [
      "HTTP/1.1",
      (socket) => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
      /speaks HTTP\/1\.1, not HTTP\/2/,
    ],
    [
      "a greeting of another protocol",
      (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"),
      /does not speak HTTP\/2/,
    ],
    ["an end at once", (socket) => socket.end(), /closed the connection/],
    ["a reset at once", (socket) => socket.resetAndDestroy(), /ECONNRESET|closed the connection/],
  ])(
    "in place of HTTP/2, %s: the dial fails within a second, and says what it met",
    async (_, speak, expected) => {
      await using server = await saying(speak);
      await using ground = await toPort(server.port);
      const begun = performance.now();
      await expect(ground.connect()).rejects.toThrow(expected);
      expect(performance.now() - begun).toBeLessThan(1_000 + slackMs);
      expect(ground.link.state).toBe("failed");
    },
  );

  it.each<[string, Buffer, object]>([
    [
      "a text",
      Buffer.concat([
        headers(0, [":status", "200"], ["content-type", "text/html"]),
        data(Buffer.from("<html>")),
      ]),
      { code: Code.Unknown, kind: "protocol" },
    ],
    ["an error of HTTP", headers(1, [":status", "503"]), { code: Code.Unavailable, kind: "http" }],
    [
      "a message of 2^32 - 1 bytes",
      Buffer.concat([grpcHead, data([0, 255, 255, 255, 255])]),
      { code: Code.ResourceExhausted, kind: "limit" },
    ],
    [
      "a message that is no protobuf",
      Buffer.concat([grpcHead, data([0, 0, 0, 0, 2, 0x0a, 0xff]), ok]),
      { code: Code.Internal, kind: "protocol" },
    ],
    [
      "a compressed message and no compression",
      Buffer.concat([grpcHead, data([1, 0, 0, 0, 1, 0]), ok]),
      { code: Code.Internal, kind: "protocol" },
    ],
    [
      "an end without trailers",
      Buffer.concat([grpcHead, buildFrame("DATA", 1, 1)]),
      { code: Code.Internal, kind: "protocol" },
    ],
    [
      "trailers without a status",
      Buffer.concat([grpcHead, headers(1, ["other", "x"])]),
      { code: Code.Internal, kind: "protocol" },
    ],
    [
      "10,000 header lines",
      Buffer.concat([buildFrame("HEADERS", 4, 1, Buffer.alloc(10_000, 0x82))]),
      { code: Code.Unavailable, kind: "protocol" },
    ],
    [
      "headers without end",
      Buffer.concat([
        buildFrame("HEADERS", 0, 1),
        ...Array<Buffer>(1_000).fill(buildFrame("CONTINUATION", 0, 1, Buffer.alloc(1_000))),
      ]),
      { code: Code.Unavailable, kind: "protocol" },
    ],
    [
      "a thousand empty frames behind each other, and a bad one",
      Buffer.concat([
        grpcHead,
        ...Array<Buffer>(1_000).fill(buildFrame("DATA", 0, 1)),
        buildFrame("PING", 0, 0),
      ]),
      { code: Code.Unavailable, kind: "protocol" },
    ],
    ["DATA before the headers", data([0, 0, 0, 0, 0]), { kind: "protocol" }],
    [
      "random frames",
      buildFrame("SETTINGS", 0, 0, randomBytes(7)),
      { code: Code.Unavailable, kind: "protocol" },
    ],
  ])("in an answer, %s: a typed error within a second", async (_, answer, expected) => {
    await using server = await answering(answer);
    await using ground = await toPort(server.port);
    await ground.connect();
    const begun = performance.now();
    await expect(ground.kv.range({ key: bytes("a") }, { timeoutMs: 5_000 })).rejects.toMatchObject({
      disposition: "unknown",
      ...expected,
    });
    expect(performance.now() - begun).toBeLessThan(1_000 + slackMs);
  });

  it("packed so that it is a hundred thousand times as large stays within the limit", async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 28));
    const head = headers(
      0,
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["grpc-encoding", "gzip"],
    );
    const prefix = Buffer.alloc(5);
    prefix[0] = 1;
    prefix.writeUInt32BE(bomb.length, 1);
    const frames: Buffer[] = [];
    const body = Buffer.concat([prefix, bomb]);
    for (let at = 0; at < body.length; at += 16_384) {
      frames.push(buildFrame("DATA", 0, 1, body.subarray(at, at + 16_384)));
    }
    await using server = await answering(Buffer.concat([head, ...frames, ok]));
    await using ground = await toPort(server.port, "http", { maxReceiveBytes: 4 * 2 ** 20 });
    await ground.connect();
    const before = process.memoryUsage().rss;
    await expect(ground.kv.range({ key: bytes("a") })).rejects.toMatchObject({
      code: Code.ResourceExhausted,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  });
});

describe("F20 the wrong half of TLS", () => {
  const authority = createCertificateAuthority();
  const certificate = authority.issue({ commonName: "server", names: ["127.0.0.1"] });

  it("TLS to a server that speaks plaintext: fails at once, and says so", async () => {
    await using server = await saying(
      (socket) => void socket.once("data", () => socket.write(settingsFrame({}))),
    );
    await using ground = await toPort(server.port, "https");
    const begun = performance.now();
    await expect(ground.connect()).rejects.toThrow(/TLS|SSL/);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it("a TLS server that knows no HTTP/2", async () => {
    await using server = await listening(createTlsServer({ ...certificate, ALPNProtocols: ["http/1.1"] }));
    await using ground = await toPort(server.port, "https", {
      tls: () => Promise.resolve({ ca: authority.cert }),
    });
    await expect(ground.connect()).rejects.toThrow(/HTTP\/2|no application protocol/i);
  });
});

describe("F21 a bad certificate", () => {
  const authority = createCertificateAuthority();
  const stranger = createCertificateAuthority("another CA");
  const hour = 3_600_000;
  const issue = (options: Partial<Parameters<typeof authority.issue>[0]>, by = authority): CertifiedKey =>
    by.issue({ commonName: "server", names: ["127.0.0.1"], ...options });

  it.each<[string, CertifiedKey, SecureServerOptions, RegExp]>([
    [
      "expired",
      issue({ notBefore: new Date(Date.now() - 2 * hour), notAfter: new Date(Date.now() - hour) }),
      {},
      /expired/i,
    ],
    ["not yet valid", issue({ notBefore: new Date(Date.now() + hour) }), {}, /not yet valid/i],
    ["for another name", issue({ names: ["elsewhere.example"] }), {}, /127\.0\.0\.1/],
    ["of another authority", issue({}, stranger), {}, /certificate/i],
    [
      "its own, where the server wants the client's",
      issue({}),
      { requestCert: true, rejectUnauthorized: true, ca: authority.cert },
      /certificate|alert/i,
    ],
  ])("%s: the dial fails with the reason, and shows no key", async (_, certificate, options, expected) => {
    await using server = await listening(createSecureServer({ ...certificate, ...options }));
    await using ground = await toPort(server.port, "https", {
      tls: () => Promise.resolve({ ca: authority.cert }),
    });
    const error: unknown = await ground.connect().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toMatch(expected);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("PRIVATE KEY");
    expect(ground.link.state).toBe("failed");
  });
});

describeNewestEtcd("F20 plaintext", (etcd) => {
  it("to etcd that speaks TLS: fails at once, and says so", async () => {
    await using cluster = await etcd.start({ tls: "server" });
    await using ground = onServer((cluster.endpoints[0] ?? "").replace("https:", "http:"));
    const begun = performance.now();
    await expect(ground.connect()).rejects.toThrow(/TLS|HTTP\/1\.1/);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});

describeNewestEtcd("F22 certificates that change", (etcd) => {
  it("count for the next connection, and the open one goes on", async () => {
    await using cluster = await etcd.start({ tls: "mutual" });
    const { tls } = cluster;
    if (tls === undefined) throw new Error("no TLS");
    let asked = 0;
    let current = { ca: tls.ca, cert: tls.cert, key: tls.key };
    await using ground = onServer(cluster.endpoints[0] ?? "", {
      tls: () => {
        asked++;
        return Promise.resolve(current);
      },
    });
    await ground.connect();
    current = { ca: tls.ca, cert: tls.expired.cert, key: tls.expired.key };
    await ground.kv.put({ key: bytes("F22"), value: bytes("1") });
    expect(asked).toBe(1);
    await cluster.restart();
    await expect(ground.connect()).rejects.toThrow();
    const renewed = await tls.issue({ commonName: "client" });
    current = { ca: tls.ca, cert: renewed.cert, key: renewed.key };
    await ground.connect();
    const { kvs } = await ground.kv.range({ key: bytes("F22") });
    expect(kvs).toHaveLength(1);
    expect(asked).toBe(3);
  });
});
