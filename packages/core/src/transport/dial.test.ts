import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { createSecureServer, type SecureServerOptions } from "node:http2";
import { createServer as createHttps } from "node:https";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { createCertificateAuthority } from "../../test/certificates.js";
import { never } from "../../test/fake-member.js";
import { listen, startHttp2Server } from "../../test/http2-server.js";
import { systemClock } from "../connection/clock.js";
import { parseEndpoint } from "../connection/endpoint.js";
import type { TlsOptions } from "../connection/tls-options.js";
import { classifyLink, textOf } from "../errors/from-transport.js";
import { type ConnectNodeTransportOptions, createConnectNodeTransport } from "./connect-node-transport.js";
import type { EndpointTransport } from "./endpoint-transport.js";

const ca = createCertificateAuthority();
const local = ca.issue({ commonName: "etcd", names: ["localhost", "127.0.0.1"] });
const nobody = (): void => undefined;

/** A transport with the settings of tests. */
function transportTo(url: string, options: Partial<ConnectNodeTransportOptions> = {}): EndpointTransport {
  return createConnectNodeTransport(parseEndpoint(url, false), {
    keepAlive: false,
    maxSendBytes: 2 ** 21,
    maxReceiveBytes: 2 ** 31 - 1,
    clock: systemClock,
    ...options,
  });
}

/** Dials, and tells how that ended: `ready`, or how the failure is classified with its text. */
async function dialling(url: string, options: Partial<ConnectNodeTransportOptions> = {}): Promise<string> {
  const transport = transportTo(url, options);
  try {
    await transport.connect(new AbortController().signal);
    expect(transport.state).toBe("ready");
    return "ready";
  } catch (error) {
    expect(transport.state).toBe("failed");
    return `${classifyLink(error)} ${textOf(error)}`;
  } finally {
    await transport.close();
  }
}

describe("a link with TLS", () => {
  const trusting = { tls: { ca: ca.cert } };

  it("is up once certificate and name are verified", async () => {
    await using server = await startHttp2Server(nobody, { tls: local });
    expect(await dialling(`https://localhost:${server.port}`, trusting)).toBe("ready");
    expect(await dialling(`https://127.0.0.1:${server.port}`, trusting)).toBe("ready");
  });

  it("fails for good with an authority that nobody knows", async () => {
    await using server = await startHttp2Server(nobody, { tls: local });
    const url = `https://localhost:${server.port}`;
    expect(await dialling(url)).toMatch(/^TLS .*unable to verify/);
    expect(await dialling(url, { tls: { ca: createCertificateAuthority().cert } })).toMatch(/^TLS /);
    expect(await dialling(url, { tls: { insecureSkipVerify: true } })).toBe("ready");
  });

  it("fails for good with a certificate for another name", async () => {
    const tls = ca.issue({ commonName: "localhost", names: ["etcd.example"] });
    await using server = await startHttp2Server(nobody, { tls });
    const url = `https://localhost:${server.port}`;
    expect(await dialling(url, trusting)).toMatch(/^TLS .*altnames/);
    expect(await dialling(url, { tls: { ca: ca.cert, serverName: "etcd.example" } })).toBe("ready");
  });

  it("fails for good with a certificate that has expired, or is not valid yet", async () => {
    const expired = { notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") };
    const early = { notBefore: new Date("2090-01-01"), notAfter: new Date("2091-01-01") };
    for (const [validity, text] of [
      [expired, /^TLS .*expired/],
      [early, /^TLS .*not yet valid/],
    ] as const) {
      const tls = ca.issue({ commonName: "etcd", names: ["localhost"], ...validity });
      await using server = await startHttp2Server(nobody, { tls });
      expect(await dialling(`https://localhost:${server.port}`, trusting)).toMatch(text);
    }
  });

  // With TLS 1.3 the server says so after the handshake has succeeded on this side.
  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "fails for good without the certificate that a server wants (%s)",
    async (version) => {
      const tls: SecureServerOptions = {
        ...local,
        ca: ca.cert,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: version,
        maxVersion: version,
      };
      await using server = await startHttp2Server(nobody, { tls });
      const url = `https://localhost:${server.port}`;
      expect(await dialling(url, trusting)).toMatch(/^TLS /);
      const own = ca.issue({ commonName: "root" });
      expect(await dialling(url, { tls: { ca: ca.cert, ...own } })).toBe("ready");
    },
  );

  it("is never older than TLS 1.2", async () => {
    const tls: SecureServerOptions = {
      ...local,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    };
    await using server = await startHttp2Server(nobody, { tls });
    expect(await dialling(`https://localhost:${server.port}`, trusting)).toMatch(/^TLS /);
  });

  it("fails for good with keys and authorities that cannot be read", async () => {
    await using server = await startHttp2Server(nobody, { tls: local });
    const url = `https://localhost:${server.port}`;
    const bad: TlsOptions[] = [
      { ca: ca.cert, cert: "hunter2", key: "hunter2" },
      { caFile: "/nowhere/ca.pem" },
      { ca: ca.cert, cert: local.cert, key: ca.issue({ commonName: "other" }).key },
    ];
    for (const tls of bad) {
      const outcome = await dialling(url, { tls });
      expect(outcome).toMatch(/^TLS /);
      expect(outcome).not.toContain("hunter2");
    }
  });

  it("fails for good at a server that does not speak TLS", async () => {
    await using server = await listen(createServer((socket) => socket.end("hello\n")));
    const outcome = await dialling(`https://localhost:${server.port}`, trusting);
    expect(outcome).toMatch(/^TLS the server does not speak TLS \(/);
  });

  it("fails for good at a server that speaks HTTP/1.1 only", async () => {
    await using server = await listen(createHttps(local));
    expect(await dialling(`https://localhost:${server.port}`, trusting)).toMatch(
      /^PROTOCOL .*does not speak HTTP\/2/,
    );
  });

  it("tells the server the name that it verifies, and no address", async () => {
    const names: (string | boolean)[] = [];
    const http2 = createSecureServer({
      ...local,
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    await using server = await listen(http2);
    await dialling(`https://localhost:${server.port}`, trusting);
    await dialling(`https://127.0.0.1:${server.port}`, trusting);
    await dialling(`https://127.0.0.1:${server.port}`, { tls: { ca: ca.cert, serverName: "localhost" } });
    expect(names).toEqual(["localhost", "localhost"]);
  });

  it("reads files anew for each dial, so that a new authority counts from then on", async () => {
    const directory = await mkdtemp(join(tmpdir(), "etcdkit-dial-"));
    try {
      const caFile = join(directory, "ca.pem");
      await writeFile(caFile, createCertificateAuthority().cert);
      await using server = await startHttp2Server(nobody, { tls: local });
      const transport = transportTo(`https://localhost:${server.port}`, { tls: { caFile } });
      const { signal } = new AbortController();
      expect(classifyLink(await caught(transport.connect(signal)))).toBe("TLS");
      await writeFile(caFile, ca.cert);
      await transport.connect(signal);
      expect(transport.state).toBe("ready");
      await transport.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("opens no socket before its settings are there, and waits for them no longer than the dial may take", async () => {
    await using server = await startHttp2Server(nobody, { tls: local });
    const transport = transportTo(`https://localhost:${server.port}`, { tls: never });
    const abort = new AbortController();
    const failed = caught(transport.connect(abort.signal));
    abort.abort(new Error("no connection within 1 ms"));
    expect(await failed).toBe(abort.signal.reason);
    expect(server.accepted).toBe(0);
  });
});

describe("a link in plaintext", () => {
  it("fails for good at a server that speaks TLS and says so", async () => {
    const alert = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]); // fatal, protocol_version
    await using server = await listen(createServer((socket) => socket.once("data", () => socket.end(alert))));
    expect(await dialling(`http://localhost:${server.port}`)).toMatch(/^PROTOCOL /);
  });

  it("fails for good at a server that speaks HTTP/1.1 only", async () => {
    await using server = await listen(createHttp());
    expect(await dialling(`http://localhost:${server.port}`)).toMatch(/^PROTOCOL /);
  });

  it("fails for good at a server that talks nonsense", async () => {
    await using server = await listen(createServer((socket) => socket.write(Buffer.alloc(4_096, 0xa5))));
    expect(await dialling(`http://localhost:${server.port}`)).toMatch(/^PROTOCOL /);
  });

  it("may come later where nobody listens", async () => {
    const server = await listen(createServer());
    const { port } = server;
    await server[Symbol.asyncDispose]();
    expect(await dialling(`http://127.0.0.1:${port}`)).toMatch(/^UNAVAILABLE .*ECONNREFUSED/);
  });

  it("may come later where the server closes without a word, or resets", async () => {
    await using closing = await listen(createServer((socket) => socket.end()));
    expect(await dialling(`http://127.0.0.1:${closing.port}`)).toMatch(
      /^UNAVAILABLE .*closed the connection/,
    );
    await using resetting = await listen(createServer((socket) => socket.resetAndDestroy()));
    expect(await dialling(`http://127.0.0.1:${resetting.port}`)).toMatch(/^UNAVAILABLE /);
  });

  it("is up only when the server has spoken: a socket alone proves nothing", async () => {
    let socket: Socket | undefined;
    const server = createServer((accepted) => {
      socket = accepted;
    });
    await using listener = await listen(server);
    const transport = transportTo(`http://127.0.0.1:${listener.port}`);
    const states: string[] = [];
    transport.subscribe(({ state }) => states.push(state));
    const connecting = transport.connect(new AbortController().signal);
    await once(server, "connection");
    if (socket !== undefined) await once(socket, "data"); // the client's preface
    expect(transport.state).toBe("connecting");
    socket?.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // SETTINGS, empty
    await connecting;
    expect(states).toEqual(["connecting", "ready"]);
    await transport.close();
  });

  it("gives up when the dial is aborted, and closes the socket", async () => {
    const server = createServer();
    await using listener = await listen(server);
    const transport = transportTo(`http://127.0.0.1:${listener.port}`);
    const abort = new AbortController();
    const failed = caught(transport.connect(abort.signal));
    const [socket] = (await once(server, "connection")) as [Socket];
    const closed = once(socket.resume(), "close");
    abort.abort(new Error("no connection within 1 ms"));
    expect(await failed).toBe(abort.signal.reason);
    expect(transport.state).toBe("failed");
    await closed;
  });

  it("dials once for all that ask at the same time, and not at all when it is up", async () => {
    await using server = await startHttp2Server(nobody);
    const transport = transportTo(`http://127.0.0.1:${server.port}`);
    const { signal } = new AbortController();
    await Promise.all([transport.connect(signal), transport.connect(signal)]);
    await transport.connect(signal);
    expect(server.accepted).toBe(1);
    await transport.close();
  });

  it("goes to IPv6 addresses", async ({ skip }) => {
    let server: Awaited<ReturnType<typeof startHttp2Server>>;
    try {
      server = await startHttp2Server(nobody, { listen: { host: "::1", port: 0 } });
    } catch {
      skip("this machine has no IPv6");
      return;
    }
    await using listening = server;
    expect(await dialling(`http://[::1]:${listening.port}`)).toBe("ready");
  });

  it("is not kept up once it is closed, nor made again", async () => {
    await using server = await startHttp2Server(nobody);
    const transport = transportTo(`http://127.0.0.1:${server.port}`);
    const { signal } = new AbortController();
    const connecting = caught(transport.connect(signal));
    await transport.close();
    await transport.close();
    expect(transport.state).toBe("closed");
    await connecting;
    expect(await caught(transport.connect(signal))).toMatchObject({ disposition: "unsent" });
    expect(transport.state).toBe("closed");
  });
});

describe("a unix socket", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "etcdkit-unix-"));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });

  it("is dialled in plaintext and with TLS", async () => {
    const plain = join(directory, "plain.sock");
    await using _plain = await startHttp2Server(nobody, { listen: { path: plain } });
    expect(await dialling(`unix:${plain}`)).toBe("ready");
    expect(await dialling(`unix://${plain}`)).toBe("ready");
    const secret = join(directory, "localhost");
    await using _secret = await startHttp2Server(nobody, { tls: local, listen: { path: secret } });
    expect(await dialling(`unixs:${secret}`, { tls: { ca: ca.cert } })).toBe("ready");
  });

  it("may come later where there is none", async () => {
    expect(await dialling(`unix:${join(directory, "none.sock")}`)).toMatch(/^UNAVAILABLE .*ENOENT/);
  });
});

describe("a dial function of one's own", () => {
  it("opens the socket below HTTP/2, and below TLS", async () => {
    await using plain = await startHttp2Server(nobody);
    await using secret = await startHttp2Server(nobody, { tls: local });
    const asked: string[] = [];
    const dial =
      (port: number): NonNullable<ConnectNodeTransportOptions["dial"]> =>
      async (endpoint) => {
        asked.push(endpoint.url);
        const socket = connectTcp(port, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      };
    expect(await dialling("http://etcd.example", { dial: dial(plain.port) })).toBe("ready");
    const tls = { ca: ca.cert, serverName: "localhost" };
    expect(await dialling("https://etcd.example", { dial: dial(secret.port), tls })).toBe("ready");
    expect(asked).toEqual(["http://etcd.example:2379", "https://etcd.example:2379"]);
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("no tunnel"))],
    [
      "throws",
      () => {
        throw new Error("no tunnel");
      },
    ],
  ])("that %s fails the dial, which may come later", async (_, dial) => {
    expect(await dialling("http://etcd.example", { dial })).toBe("UNAVAILABLE no tunnel");
  });

  it("that gives no socket fails the dial", async () => {
    const dial = (() => Promise.resolve({})) as unknown as NonNullable<ConnectNodeTransportOptions["dial"]>;
    expect(await dialling("http://etcd.example", { dial })).toMatch(/^UNAVAILABLE /);
    expect(await dialling("https://etcd.example", { dial })).toMatch(/^UNAVAILABLE /);
  });

  it("that never settles is given up with the dial; a socket that comes too late is closed", async () => {
    let arrive = (_: PassThrough): void => undefined;
    const transport = transportTo("http://etcd.example", {
      dial: () => new Promise((resolve) => (arrive = resolve)),
    });
    const abort = new AbortController();
    const failed = caught(transport.connect(abort.signal));
    abort.abort(new Error("no connection within 1 ms"));
    expect(await failed).toBe(abort.signal.reason);
    const late = new PassThrough();
    arrive(late);
    await once(late, "close");
    late.emit("error", new Error("too late to matter"));
    expect(late.destroyed).toBe(true);
  });

  it("gets a signal that aborts with the dial", async () => {
    const signals: AbortSignal[] = [];
    const transport = transportTo("http://etcd.example", {
      dial: (_, signal) => {
        signals.push(signal);
        return never();
      },
    });
    const abort = new AbortController();
    const failed = caught(transport.connect(abort.signal));
    abort.abort();
    await failed;
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
  });
});
