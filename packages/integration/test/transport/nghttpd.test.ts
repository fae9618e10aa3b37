import { create, toBinary } from "@bufbuild/protobuf";
import { Code, type Transport } from "@connectrpc/connect";
import {
  createCertificateAuthority,
  Echo,
  EchoResponseSchema,
  type NghttpdOptions,
  obtainNghttpd,
  openFrameProxy,
  startNghttpd,
} from "@etcdkit/testing";
import { createHttp2Transport, type EndpointTransport } from "@etcdkit/transport";
import { createConnectNodeTransport } from "@etcdkit/transport/connect-node";
import { createGrpcJsTransport } from "@etcdkit/transport/grpc-js";
import { credentials } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { addressOf } from "./dialling.js";

const mebibyte = 2 ** 20;
const program = await obtainNghttpd();
const reason = "reason" in program ? program.reason : undefined;
if (reason !== undefined) console.log(`Left out: frames of nghttp2. ${reason}`);

/** A body of gRPC with messages of the given sizes. */
function body(...sizes: readonly number[]): Buffer {
  return Buffer.concat(
    sizes.map((size, index) => {
      const message = toBinary(
        EchoResponseSchema,
        create(EchoResponseSchema, { payload: new Uint8Array(size).fill(index), index }),
      );
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      return Buffer.concat([prefix, message]);
    }),
  );
}

/** The server gives files; their content type comes from the end of their names. */
const file = (name: string): string => `${Echo.typeName}/${name}.grpc`;
const ok = "--trailer=grpc-status: 0";
const authority = createCertificateAuthority();
const certificate = authority.issue({ commonName: "nghttpd", names: ["localhost"] });

interface Link extends AsyncDisposable {
  readonly link: EndpointTransport;
  readonly endpoint: string;
}

interface Served extends AsyncDisposable {
  readonly link: Transport;
}

/** The transports of the package, each made for one endpoint. */
const transports: readonly (readonly [string, (endpoint: string) => Promise<Opened>])[] = [
  ["our own transport", (endpoint) => connected(createHttp2Transport({ endpoint: addressOf(endpoint) }))],
  [
    "connect-node's transport",
    (endpoint) => connected(createConnectNodeTransport({ endpoint: addressOf(endpoint) })),
  ],
  [
    "a grpc-js channel",
    (endpoint) => {
      const link = createGrpcJsTransport(new URL(endpoint).host, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.max_receive_message_length": -1,
      });
      return Promise.resolve({ link, close: () => link.close() });
    },
  ],
];

interface Opened {
  readonly link: Transport;
  close(): Promise<void> | void;
}

async function connected(link: EndpointTransport): Promise<Opened> {
  await link.connect(AbortSignal.timeout(20_000));
  return { link, close: () => link.close() };
}

async function serveTo(
  open: (endpoint: string) => Promise<Opened>,
  options: NghttpdOptions,
): Promise<Served> {
  if ("reason" in program) throw new Error(program.reason);
  const server = await startNghttpd(program, options);
  const { link, close } = await open(server.endpoint);
  return {
    link,
    async [Symbol.asyncDispose]() {
      await close();
      await server.close();
    },
  };
}

async function serve(options: NghttpdOptions): Promise<Link> {
  if ("reason" in program) throw new Error(program.reason);
  const server = await startNghttpd(program, options);
  const address = addressOf(server.endpoint);
  const link = createHttp2Transport({
    endpoint: { ...address, tls: options.tls !== undefined, serverName: "localhost" },
    tls: () => Promise.resolve({ ca: authority.cert }),
  });
  await link.connect(AbortSignal.timeout(20_000));
  return {
    link,
    endpoint: server.endpoint,
    async [Symbol.asyncDispose]() {
      await link.close();
      await server.close();
    },
  };
}

function get(transport: Transport, name: string, payload = new Uint8Array(0), headers?: Headers) {
  return transport.unary({ ...Echo.method.unary, name: `${name}.grpc` }, undefined, 60_000, headers, {
    payload,
  });
}

async function list(transport: Transport, name: string) {
  const method = { ...Echo.method.serverStream, name: `${name}.grpc` };
  async function* only(): AsyncGenerator<Record<string, never>> {
    yield {};
  }
  const { message } = await transport.stream(method, undefined, 60_000, undefined, only());
  return message[Symbol.asyncIterator]();
}

describe.skipIf(reason !== undefined).each(transports)("%s to nghttpd", (_, open) => {
  it("gets an answer with trailers", async () => {
    const args = [ok, "--trailer=note: kept"];
    await using server = await serveTo(open, { args, documents: { [file("Small")]: body(10) } });
    const { message, trailer } = await get(server.link, "Small");
    expect(message.payload.length).toBe(10);
    expect(trailer.get("note")).toBe("kept");
  });

  it.each([1, 7, 255, 4_096])("takes off padding of up to %d bytes", async (padding) => {
    const sizes = [0, 1, 100, 20_000, 300_000];
    await using server = await serveTo(open, {
      args: [ok, `--padding=${padding}`],
      documents: { [file("Sizes")]: body(...sizes) },
    });
    const messages = await list(server.link, "Sizes");
    for (const [index, size] of sizes.entries()) {
      const { value } = await messages.next();
      expect(value?.payload.length).toBe(size);
      expect(value?.payload.every((byte: number) => byte === index)).toBe(true);
    }
    expect((await messages.next()).done).toBe(true);
  });

  it("gets 64 MiB in one message, however often it has to give leave for more", async () => {
    await using server = await serveTo(open, {
      args: [ok],
      documents: { [file("Huge")]: body(64 * mebibyte) },
    });
    expect((await get(server.link, "Huge")).message.payload.length).toBe(64 * mebibyte);
  });

  it("gets 64 MiB of messages that are taken one by one", async () => {
    const sizes = Array<number>(256).fill(mebibyte / 4);
    await using server = await serveTo(open, { args: [ok], documents: { [file("Many")]: body(...sizes) } });
    const messages = await list(server.link, "Many");
    let bytes = 0;
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      bytes += next.value.payload.length;
    }
    expect(bytes).toBe(64 * mebibyte);
  });

  it.each([8, 10, 16, 30])("sends 3 MiB through a window of 2^%d - 1 bytes", async (bits) => {
    await using server = await serveTo(open, {
      args: [ok, `--window-bits=${bits}`],
      documents: { [file("Small")]: body(10) },
    });
    const size = bits === 8 ? 200_000 : 3 * mebibyte;
    expect((await get(server.link, "Small", new Uint8Array(size))).message.payload.length).toBe(10);
  });

  it("waits in line for one stream at a time", async () => {
    await using server = await serveTo(open, {
      args: [ok, "--max-concurrent-streams=1"],
      documents: { [file("Small")]: body(10) },
    });
    const answers = await Promise.all(Array.from({ length: 200 }, () => get(server.link, "Small")));
    expect(answers).toHaveLength(200);
  });
});

describe.skipIf(reason !== undefined)("our own transport to nghttpd, in detail", () => {
  it("gets it over TLS that another library speaks", async () => {
    await using server = await serve({
      args: [ok],
      tls: certificate,
      documents: { [file("Small")]: body(10) },
    });
    expect((await get(server.link, "Small")).message.payload.length).toBe(10);
  });

  it.each([0, 100, 4_096, 65_536])(
    "compresses headers for a table of %d bytes, and with changing ones",
    async (size) => {
      await using server = await serve({
        args: [ok, `--header-table-size=${size}`, `--encoder-header-table-size=${size}`],
        documents: { [file("Small")]: body(10), [file("Other")]: body(20) },
      });
      for (let round = 0; round < 200; round++) {
        const metadata = new Headers({
          constant: "x".repeat(50),
          changing: String(round),
          token: `secret ${round}`,
        });
        const [small, other] = await Promise.all([
          get(server.link, "Small", undefined, metadata),
          get(server.link, "Other"),
        ]);
        expect([small, other].map(({ message }) => message.payload.length)).toEqual([10, 20]);
      }
      expect(server.link.state).toBe("ready");
    },
  );

  it("is pushed nothing, though the server would like to", async () => {
    await using server = await serve({
      args: [ok, `--push=/${file("Small")}=/${file("Other")}`],
      documents: { [file("Small")]: body(10), [file("Other")]: body(20) },
    });
    expect((await get(server.link, "Small")).message.payload.length).toBe(10);
  });

  it("takes a refusal that comes before the request has ended, and sends no more of it", async () => {
    await using server = await serve({ args: ["--early-response"] });
    for (let round = 0; round < 20; round++) {
      await expect(get(server.link, "Absent", new Uint8Array(mebibyte))).rejects.toMatchObject({
        code: Code.Unimplemented,
        kind: "http",
      });
    }
    expect(server.link.state).toBe("ready");
  });

  it("says what is wrong with answers that are not gRPC", async () => {
    await using server = await serve({
      documents: { [file("NoTrailers")]: body(10), [`${Echo.typeName}/Page.html`]: Buffer.from("<html>") },
    });
    await expect(get(server.link, "NoTrailers")).rejects.toMatchObject({
      code: Code.Internal,
      rawMessage: "the answer ended without a gRPC status",
    });
    await expect(get(server.link, "Absent")).rejects.toMatchObject({
      code: Code.Unimplemented,
      kind: "http",
    });
    const page = { ...Echo.method.unary, name: "Page.html" };
    await expect(server.link.unary(page, undefined, undefined, undefined, {})).rejects.toMatchObject({
      code: Code.Unknown,
      kind: "protocol",
    });
    expect(server.link.state).toBe("ready");
  });

  it("keeps to RFC 9113 in whatever slices its words arrive", async () => {
    await using server = await serve({ args: [ok], documents: { [file("Small")]: body(10) } });
    await using proxy = await openFrameProxy(server.endpoint);
    const link = createHttp2Transport({ endpoint: addressOf(proxy.endpoint) });
    for (const bytes of [1, 3, 10]) {
      proxy.slice(bytes);
      await link.connect(AbortSignal.timeout(20_000));
      expect((await get(link, "Small", new Uint8Array(1_000))).message.payload.length).toBe(10);
    }
    expect(proxy.seen({ direction: "toClient", type: "GOAWAY" })).toBe(0);
    await link.close();
  });
});
