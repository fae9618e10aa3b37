import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { createSecureServer, type SecureServerOptions } from "node:http2";
import { createServer as createHttps } from "node:https";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address } from "../test/support/address.js";
import { caught } from "../test/support/caught.js";
import { createCertificateAuthority } from "../test/support/certificates.js";
import { goaway, settings as settingsFrame } from "../test/support/frames.js";
import { listen, startHttp2Server } from "../test/support/http2-server.js";
import { callOnce, type MakeTransport, neverAborts, transports } from "../test/support/linked.js";
import { createManualClock } from "../test/support/manual-clock.js";
import type { TlsSettings } from "./dial.js";
import type { EndpointTransport } from "./endpoint-transport.js";
import { failureKindOf } from "./failure-kind.js";
import { failureText } from "./failure-text.js";
import { TransportError } from "./transport-error.js";
import type { TransportOptions } from "./transport-options.js";

const ca = createCertificateAuthority();
const local = ca.issue({ commonName: "etcd", names: ["localhost", "127.0.0.1"] });
const nobody = (): void => undefined;
const never = (): Promise<never> => new Promise(() => undefined);

/** TLS settings that are at hand. */
const settings = (tls: TlsSettings): Pick<TransportOptions, "tls"> => ({ tls: () => Promise.resolve(tls) });

type Options = Omit<TransportOptions, "endpoint">;

describe.each(transports)("the link of %s", (_, make) => {
  testLink(make);
});

function testLink(make: MakeTransport): void {
  const transportTo = (url: string, options: Options = {}): EndpointTransport =>
    make({ endpoint: address(url), keepAlive: false, ...options });

  /** Dials, and tells how that ended: `ready`, or the kind of the failure with its text. */
  async function dialling(url: string, options: Options = {}): Promise<string> {
    const transport = transportTo(url, options);
    try {
      await transport.connect(neverAborts);
      expect(transport.state).toBe("ready");
      return "ready";
    } catch (error) {
      expect(transport.state).toBe("failed");
      expect(error).toBeInstanceOf(TransportError);
      expect(error).toMatchObject({ disposition: "unsent" });
      return `${failureKindOf(error)} ${failureText(error)}`;
    } finally {
      await transport.close();
    }
  }

  describe("a link with TLS", () => {
    const trusting = settings({ ca: ca.cert });

    it("is up once certificate and name are verified", async () => {
      await using server = await startHttp2Server(nobody, { tls: local });
      expect(await dialling(`https://localhost:${server.port}`, trusting)).toBe("ready");
      expect(await dialling(`https://127.0.0.1:${server.port}`, trusting)).toBe("ready");
    });

    it("fails for good with an authority that nobody knows", async () => {
      await using server = await startHttp2Server(nobody, { tls: local });
      const url = `https://localhost:${server.port}`;
      expect(await dialling(url)).toMatch(/^tls .*unable to verify/);
      expect(await dialling(url, settings({ ca: createCertificateAuthority().cert }))).toMatch(/^tls /);
      expect(await dialling(url, settings({ insecureSkipVerify: true }))).toBe("ready");
    });

    it("fails for good with a certificate for another name", async () => {
      const tls = ca.issue({ commonName: "localhost", names: ["etcd.example"] });
      await using server = await startHttp2Server(nobody, { tls });
      const url = `https://localhost:${server.port}`;
      expect(await dialling(url, trusting)).toMatch(/^tls .*altnames/);
      expect(await dialling(url, settings({ ca: ca.cert, serverName: "etcd.example" }))).toBe("ready");
    });

    it("fails for good with a certificate that has expired, or is not valid yet", async () => {
      const expired = { notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") };
      const early = { notBefore: new Date("2090-01-01"), notAfter: new Date("2091-01-01") };
      for (const [validity, text] of [
        [expired, /^tls .*expired/],
        [early, /^tls .*not yet valid/],
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
        expect(await dialling(url, trusting)).toMatch(/^tls /);
        const own = ca.issue({ commonName: "root" });
        expect(await dialling(url, settings({ ca: ca.cert, ...own }))).toBe("ready");
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
      expect(await dialling(`https://localhost:${server.port}`, trusting)).toMatch(/^tls /);
    });

    it("fails for good with keys and authorities that cannot be read", async () => {
      await using server = await startHttp2Server(nobody, { tls: local });
      const url = `https://localhost:${server.port}`;
      const bad: (() => Promise<TlsSettings>)[] = [
        () => Promise.resolve({ ca: ca.cert, cert: "hunter2", key: "hunter2" }),
        async () => ({ ca: await readFile("/nowhere/ca.pem") }),
        () => Promise.resolve({ ca: ca.cert, cert: local.cert, key: ca.issue({ commonName: "other" }).key }),
        () => {
          throw new Error("no key today");
        },
      ];
      for (const tls of bad) {
        const outcome = await dialling(url, { tls });
        expect(outcome).toMatch(/^tls /);
        expect(outcome).not.toContain("hunter2");
      }
    });

    it("fails for good at a server that does not speak TLS", async () => {
      await using server = await listen(createServer((socket) => socket.end("hello\n")));
      const outcome = await dialling(`https://localhost:${server.port}`, trusting);
      expect(outcome).toMatch(/^tls the server does not speak TLS \(/);
    });

    it("fails for good at a server that speaks HTTP/1.1 only", async () => {
      await using server = await listen(createHttps(local));
      expect(await dialling(`https://localhost:${server.port}`, trusting)).toMatch(
        /^protocol .*does not speak HTTP\/2/,
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
      await dialling(`https://127.0.0.1:${server.port}`, settings({ ca: ca.cert, serverName: "localhost" }));
      expect(names).toEqual(["localhost", "localhost"]);
    });

    it("asks for its settings anew at each dial, so that a new authority counts from then on", async () => {
      const directory = await mkdtemp(join(tmpdir(), "etcdkit-dial-"));
      try {
        const caFile = join(directory, "ca.pem");
        await writeFile(caFile, createCertificateAuthority().cert);
        await using server = await startHttp2Server(nobody, { tls: local });
        const transport = transportTo(`https://localhost:${server.port}`, {
          tls: async () => ({ ca: await readFile(caFile) }),
        });
        const { signal } = new AbortController();
        expect(await caught(transport.connect(signal))).toMatchObject({ kind: "tls" });
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
      await using server = await listen(
        createServer((socket) => socket.once("data", () => socket.end(alert))),
      );
      expect(await dialling(`http://localhost:${server.port}`)).toMatch(/^protocol /);
    });

    it("fails for good at a server that speaks HTTP/1.1 only", async () => {
      await using server = await listen(createHttp());
      expect(await dialling(`http://localhost:${server.port}`)).toMatch(/^protocol /);
    });

    it("fails for good at a server that talks nonsense", async () => {
      await using server = await listen(createServer((socket) => socket.write(Buffer.alloc(4_096, 0xa5))));
      expect(await dialling(`http://localhost:${server.port}`)).toMatch(/^protocol /);
    });

    it("may come later where nobody listens", async () => {
      const server = await listen(createServer());
      const { port } = server;
      await server[Symbol.asyncDispose]();
      expect(await dialling(`http://127.0.0.1:${port}`)).toMatch(/^link .*ECONNREFUSED/);
    });

    it("may come later where the server closes without a word, or resets", async () => {
      await using closing = await listen(createServer((socket) => socket.end()));
      expect(await dialling(`http://127.0.0.1:${closing.port}`)).toMatch(/^link .*closed the connection/);
      await using resetting = await listen(createServer((socket) => socket.resetAndDestroy()));
      expect(await dialling(`http://127.0.0.1:${resetting.port}`)).toMatch(/^link /);
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

    it("does not stay up when the server comes and goes in one breath", async () => {
      const breath = Buffer.concat([settingsFrame(), goaway(0)]);
      await using server = await listen(createServer((socket) => socket.write(breath)));
      const transport = transportTo(`http://127.0.0.1:${server.port}`);
      const gone = new Promise<string>((resolve) => {
        transport.subscribe(({ state }) => ["idle", "failed"].includes(state) && resolve(state));
      });
      await transport.connect(neverAborts).catch(() => undefined);
      const state = await gone;
      expect(transport.state).toBe(state);
      expect(await caught(callOnce(transport))).toMatchObject({ disposition: "unsent" });
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

    it("keeps the process alive while somebody waits for it, unless that is upkeep", async () => {
      const server = await listen(createServer()); // silent
      await using _server = server;
      for (const background of [false, true]) {
        const clock = createManualClock();
        const transport = transportTo(`http://127.0.0.1:${server.port}`, { clock });
        const failed = caught(transport.connect(neverAborts, { background }));
        expect(clock.pending.map(({ keepAlive }) => keepAlive)).toEqual(background ? [] : [true]);
        await transport.close();
        await failed;
        expect(clock.timers).toBe(0);
      }
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
      const secret = join(directory, "localhost");
      await using _secret = await startHttp2Server(nobody, { tls: local, listen: { path: secret } });
      expect(await dialling(`unixs:${secret}`, settings({ ca: ca.cert }))).toBe("ready");
    });

    it("may come later where there is none", async () => {
      expect(await dialling(`unix:${join(directory, "none.sock")}`)).toMatch(/^link .*ENOENT/);
    });
  });

  describe("a dial function of one's own", () => {
    it("opens the socket below HTTP/2, and below TLS", async () => {
      await using plain = await startHttp2Server(nobody);
      await using secret = await startHttp2Server(nobody, { tls: local });
      const asked: string[] = [];
      const dial =
        (port: number): NonNullable<TransportOptions["dial"]> =>
        async (endpoint) => {
          asked.push(endpoint.authority);
          const socket = connectTcp(port, "127.0.0.1");
          await once(socket, "connect");
          return socket;
        };
      expect(await dialling("http://etcd.example:2379", { dial: dial(plain.port) })).toBe("ready");
      const trusting = settings({ ca: ca.cert, serverName: "localhost" });
      expect(await dialling("https://etcd.example:2379", { dial: dial(secret.port), ...trusting })).toBe(
        "ready",
      );
      expect(asked).toEqual(["etcd.example:2379", "etcd.example:2379"]);
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
      expect(await dialling("http://etcd.example:2379", { dial })).toBe("link no tunnel");
    });

    it("that gives no socket fails the dial", async () => {
      const dial = (() => Promise.resolve({})) as unknown as NonNullable<TransportOptions["dial"]>;
      expect(await dialling("http://etcd.example:2379", { dial })).toMatch(/^link dial: expected/);
      expect(await dialling("https://etcd.example:2379", { dial })).toMatch(/^link dial: expected/);
    });

    it("that never settles is given up with the dial; a socket that comes too late is closed", async () => {
      let arrive = (_: PassThrough): void => undefined;
      const transport = transportTo("http://etcd.example:2379", {
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

    it("is not asked any more when the dial is aborted just before", async () => {
      let asked = 0;
      const dial: TransportOptions["dial"] = (_, signal) => {
        if (signal.aborted) asked++;
        return never();
      };
      for (let microtasks = 0; microtasks < 20; microtasks++) {
        const transport = transportTo("https://etcd.example:2379", { ...settings({}), dial });
        const abort = new AbortController();
        const failed = caught(transport.connect(abort.signal));
        for (let passed = 0; passed < microtasks; passed++) await Promise.resolve();
        abort.abort(new Error(`enough after ${microtasks}`));
        expect(await failed).toBe(abort.signal.reason);
      }
      expect(asked).toBe(0);
    });

    it("gets a signal that aborts with the dial", async () => {
      const signals: AbortSignal[] = [];
      const transport = transportTo("http://etcd.example:2379", {
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
}
