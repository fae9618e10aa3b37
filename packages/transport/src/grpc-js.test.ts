import { Code } from "@connectrpc/connect";
import { Channel, credentials, Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { once } from "../test/support/echo.js";
import { createGrpcJsTransport } from "./grpc-js.js";

let server: Server;
let address: string;
/** The metadata that came with the last call. */
let received: Record<string, unknown>;

beforeEach(async () => {
  server = new Server();
  server.addService(
    {
      once: {
        path: "/echo.Echo/Once",
        requestStream: false,
        responseStream: false,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    },
    {
      once: (
        call: { request: Buffer; metadata: { getMap(): Record<string, unknown> } },
        done: sendUnaryData<Buffer>,
      ) => {
        received = call.metadata.getMap();
        done(null, call.request);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  address = `127.0.0.1:${port}`;
});

afterEach(() => server.forceShutdown());

describe("createGrpcJsTransport", () => {
  it("makes a channel to an address, and closes that", async () => {
    const transport = createGrpcJsTransport(address, credentials.createInsecure());
    const { message } = await transport.unary(once, undefined, 5_000, undefined, { value: Buffer.from("x") });
    expect(Buffer.from(message.value).toString()).toBe("x");
    transport.close();
    await expect(transport.unary(once, undefined, 5_000, undefined, {})).rejects.toMatchObject({
      code: Code.Unavailable,
      disposition: "unsent",
    });
  });

  it("takes a channel that is there, and leaves that open", async () => {
    const channel = new Channel(address, credentials.createInsecure(), {});
    createGrpcJsTransport(channel).close();
    await createGrpcJsTransport(channel).unary(once, undefined, 5_000, undefined, {});
    channel.close();
  });

  it("hands on bytes of metadata as bytes, and each of several values", async () => {
    const transport = createGrpcJsTransport(address, credentials.createInsecure());
    const header = new Headers({ "key-bin": "AAEC" });
    header.append("key", "a");
    header.append("key", "b");
    await transport.unary(once, undefined, 5_000, header, {});
    expect(received["key-bin"]).toEqual(Buffer.from([0, 1, 2]));
    expect(received["key"]).toBe("a, b");
    transport.close();
  });

  it("gives answers that are bytes and no buffers, which nobody else holds", async () => {
    const transport = createGrpcJsTransport(address, credentials.createInsecure());
    const { message } = await transport.unary(once, undefined, 5_000, undefined, { value: Buffer.from("x") });
    expect(Object.getPrototypeOf(message.value)).toBe(Uint8Array.prototype);
    transport.close();
  });

  it("refuses requests that do not encode, before anything is sent", async () => {
    const transport = createGrpcJsTransport(address, credentials.createInsecure());
    await expect(
      transport.unary(once, undefined, undefined, undefined, { value: "text" as never }),
    ).rejects.toThrow();
    transport.close();
  });

  it("tells why there is no connection", async () => {
    const transport = createGrpcJsTransport("127.0.0.1:1", credentials.createInsecure());
    await expect(transport.unary(once, undefined, 5_000, undefined, {})).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    transport.close();
  });

  it("wants credentials for an address", () => {
    expect(() => createGrpcJsTransport(address)).toThrow(TypeError);
  });
});
