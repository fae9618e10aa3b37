import { getEventListeners } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { connect as connectTcp, createServer } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { address } from "../test/support/address.js";
import { caught } from "../test/support/caught.js";
import { both, down, encoded } from "../test/support/echo.js";
import { begin, finish, frame, listen, reply, startHttp2Server } from "../test/support/http2-server.js";
import { callOnce, judged, linked, neverAborts, transports, unclear } from "../test/support/linked.js";
import { createManualClock, turn } from "../test/support/manual-clock.js";

/** The bytes of a request, once it is complete. */
async function bodyOf(stream: ServerHttp2Stream): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
}

async function* one(): AsyncGenerator<object, void, undefined> {
  yield {};
}

async function* oneThenSilence(): AsyncGenerator<object, void, undefined> {
  yield {};
  await new Promise(() => undefined);
}

describe.each(transports)("%s", (_, make) => {
  describe("a call", () => {
    it("is one POST with gRPC's headers, to the address's own authority", async () => {
      await using link = await linked(make, (stream) => reply(stream), { userAgent: "tests/1" });
      await link.call({ headers: { tenant: "blue" }, timeoutMs: 5_000 });
      expect(link.server.requests).toMatchObject([
        {
          ":method": "POST",
          ":path": "/echo.Echo/Once",
          ":scheme": "http",
          ":authority": `127.0.0.1:${link.server.port}`,
          "content-type": expect.stringMatching(/^application\/grpc/),
          te: "trailers",
          "user-agent": "tests/1",
          "grpc-timeout": expect.stringMatching(/^\d{1,8}[mSun]$/),
          tenant: "blue",
        },
      ]);
    });

    it("gets its answer, and all of a large one", async () => {
      const value = Buffer.alloc(4 * 1024 * 1024, Buffer.from(Uint8Array.from({ length: 251 }, (_, i) => i)));
      await using link = await linked(make, (stream) => reply(stream, encoded(value)));
      expect(value.equals((await link.call()).value)).toBe(true);
    });

    it("gets the server's status with its text", async () => {
      await using link = await linked(make, (stream) => {
        begin(stream);
        finish(stream, 3, "no key is given");
      });
      const error = await caught(link.call());
      expect(judged(error)).toEqual({ disposition: "unknown", kind: undefined });
      expect(error).toMatchObject({ code: Code.InvalidArgument, rawMessage: "no key is given" });
    });

    it("before there is a link was not sent", async () => {
      const transport = make({ endpoint: address("http://127.0.0.1:1") });
      expect(judged(await caught(callOnce(transport)))).toEqual({ disposition: "unsent", kind: "link" });
    });

    it("leaves no listener on its signal", async () => {
      await using link = await linked(make, (stream) => reply(stream));
      const { signal } = new AbortController();
      for (let i = 0; i < 50; i++) await link.call({ signal });
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });

    it("that is aborted ends at the server, and rejects as cancelled", async () => {
      await using link = await linked(make, () => undefined);
      const abort = new AbortController();
      const failed = caught(link.call({ signal: abort.signal }));
      await link.server.until(({ open }) => open === 1);
      abort.abort();
      expect(await failed).toMatchObject({ code: Code.Canceled });
      await link.server.until(({ open }) => open === 0);
    });

    it("whose time is up ends at the server, too", async () => {
      await using link = await linked(make, () => undefined);
      const error = await caught(link.call({ timeoutMs: 20 }));
      expect(judged(error)).toEqual({ disposition: "unknown", kind: "deadline" });
      await link.server.until(({ open }) => open === 0);
    });
  });

  describe("limits of size", () => {
    it("keep a request that is too large from being sent at all", async () => {
      await using link = await linked(make, (stream) => reply(stream), { maxSendBytes: 1_000 });
      const error = await caught(link.call({ value: new Uint8Array(998) })); // and three bytes around it
      expect(judged(error)).toEqual({ disposition: "unsent", kind: "limit" });
      expect(error).toMatchObject({
        rawMessage: "the request has 1001 bytes, more than maxSendBytes (1000)",
      });
      await link.call({ value: new Uint8Array(997) });
      expect(link.server.requests).toHaveLength(1);
    });

    it("refuse an answer that is too large, before it is read; what was done stays done", async () => {
      await using link = await linked(
        make,
        (stream) => {
          begin(stream);
          stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff])); // announces 2 GiB
        },
        { maxReceiveBytes: 1_000 },
      );
      expect(judged(await caught(link.call()))).toEqual({ disposition: "unknown", kind: "limit" });
      await link.server.until(({ open }) => open === 0);
    });

    it("let a request of 2 MiB through a window of 64 KiB", async () => {
      let received = 0;
      await using link = await linked(make, async (stream) => {
        received = (await bodyOf(stream)).byteLength;
        reply(stream);
      });
      await link.call({ value: new Uint8Array(2 ** 21) });
      expect(received).toBeGreaterThan(2 ** 21);
    });

    it("let many large requests be sent at once: Node by itself would refuse all but ten", async () => {
      await using link = await linked(make, (stream) => {
        stream.resume();
        stream.on("end", () => reply(stream));
      });
      const value = new Uint8Array(2 ** 20);
      await Promise.all(Array.from({ length: 30 }, () => link.call({ value })));
      expect(link.server.requests).toHaveLength(30);
    });

    it("let calls beyond the streams that a server allows wait for their turn", async () => {
      let most = 0;
      await using link = await linked(
        make,
        (stream) => {
          most = Math.max(most, link.server.open);
          setImmediate(() => reply(stream));
        },
        {},
        { maxConcurrentStreams: 2 },
      );
      await Promise.all(Array.from({ length: 20 }, () => link.call()));
      expect(link.server.requests).toHaveLength(20);
      expect(most).toBe(2);
    });
  });

  describe("compression", () => {
    it("goes both ways where it is asked for", async () => {
      const bodies: Buffer[] = [];
      await using link = await linked(
        make,
        async (stream) => {
          bodies.push(await bodyOf(stream));
          begin(stream, { "grpc-encoding": "gzip" });
          stream.write(frame(gzipSync(encoded("answer")), true));
          finish(stream);
        },
        { compression: "gzip" },
      );
      const value = Buffer.from("k".repeat(10_000));
      expect(Buffer.from((await link.call({ value })).value).toString()).toBe("answer");
      expect(link.server.requests[0]).toMatchObject({
        "grpc-encoding": "gzip",
        "grpc-accept-encoding": expect.stringContaining("gzip"),
      });
      const body = bodies[0] ?? Buffer.alloc(0);
      expect(body.byteLength).toBeLessThan(1_000);
      expect(gunzipSync(body.subarray(5)).includes(value)).toBe(true);
    });

    it("is understood in answers also where requests are sent as they are", async () => {
      await using link = await linked(make, (stream) => {
        begin(stream, { "grpc-encoding": "gzip" });
        stream.write(frame(gzipSync(new Uint8Array()), true));
        finish(stream);
      });
      await link.call();
      expect(link.server.requests[0]).not.toHaveProperty("grpc-encoding");
    });
  });

  describe("a stream", () => {
    it("that is left by break ends at the server", async () => {
      await using link = await linked(make, (stream) => {
        begin(stream);
        stream.write(frame(new Uint8Array()));
      });
      for (const method of [down, both, down, both]) {
        const requests = method === down ? one() : oneThenSilence();
        const { message } = await link.transport.stream(method, undefined, undefined, undefined, requests);
        for await (const _ of message) break;
      }
      await link.server.until(({ open, requests }) => requests.length === 4 && open === 0);
    });

    it("leaves no listener on its signal, left or read to its end", async () => {
      await using link = await linked(make, (stream) => {
        begin(stream);
        stream.write(frame(new Uint8Array()));
        finish(stream);
      });
      const { signal } = new AbortController();
      for (let i = 0; i < 20; i++) {
        const { message } = await link.transport.stream(down, signal, undefined, undefined, one());
        for await (const _ of message) if (i % 2 === 0) break;
      }
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });

    it("whose link breaks halfway tells so, after what it got", async () => {
      await using link = await linked(make, (stream) => {
        begin(stream);
        stream.write(frame(encoded("first")));
      });
      const { message } = await link.transport.stream(down, undefined, undefined, undefined, one());
      const seen: string[] = [];
      const failed = caught(
        (async () => {
          for await (const { value } of message) {
            seen.push(Buffer.from(value).toString());
            for (const socket of link.server.sockets) socket.destroy();
          }
        })(),
      );
      expect(judged(await failed)).toEqual(unclear);
      expect(seen).toEqual(["first"]);
    });
  });

  describe("keepalive", () => {
    const keepAlive = { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false };

    it("pings the server while a call waits, and calls go on when it answers", async () => {
      const clock = createManualClock();
      const held: ServerHttp2Stream[] = [];
      await using link = await linked(make, (stream) => held.push(stream), { clock, keepAlive });
      const calling = link.call();
      await link.server.until(({ open }) => open === 1);
      clock.advance(5_000);
      await link.server.until(({ pings }) => pings === 1);
      // The answer to the ping comes before anything that the server sends later.
      const second = link.call();
      await link.server.until(({ open }) => open === 2);
      for (const stream of held.splice(1)) reply(stream);
      await second;
      clock.advance(2_000);
      for (const stream of held) reply(stream);
      await calling;
      expect(link.transport.state).toBe("ready");
      while (clock.timers > 0) await turn(); // until the streams have ended on this side, too
    });

    it("gives a link up that does not answer, so that calls can go elsewhere", async () => {
      const clock = createManualClock();
      await using server = await startHttp2Server(() => undefined);
      const upstream: { pause(): unknown }[] = [];
      // A wire that can be held: no byte goes either way, and nobody is told.
      await using wire = await listen(
        createServer((near) => {
          const far = connectTcp(server.port, "127.0.0.1");
          far.on("error", () => near.destroy());
          near.on("close", () => far.destroy());
          near.pipe(far).pipe(near);
          upstream.push(near, far);
        }),
      );
      const transport = make({ endpoint: address(`http://127.0.0.1:${wire.port}`), keepAlive, clock });
      await transport.connect(neverAborts);
      const failed = caught(callOnce(transport));
      await server.until(({ open }) => open === 1);
      for (const socket of upstream) socket.pause();
      await turn();
      clock.advance(6_999);
      await turn();
      expect(transport.state).toBe("ready");
      clock.advance(1);
      const error = await failed;
      expect(judged(error)).toEqual(unclear);
      expect(error).toMatchObject({ rawMessage: "the server has been silent for 7000 ms" });
      expect(transport.state).toBe("idle");
      await transport.close();
    });

    it("slows down for a server that calls its pings too many, on the next link too", async () => {
      const clock = createManualClock();
      await using link = await linked(make, () => undefined, { clock, keepAlive });
      const gone = new Promise<void>((resolve) => {
        link.transport.subscribe(({ state }) => state === "idle" && resolve());
      });
      link.server.sessions[0]?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      await gone;
      await link.transport.connect(neverAborts);
      const failed = caught(link.call());
      await link.server.until(({ open }) => open === 1);
      expect(clock.pending).toEqual([{ dueInMs: 10_000, keepAlive: false }]);
      await link.transport.close();
      await failed;
      expect(clock.timers).toBe(0);
    });
  });

  describe("several of them", () => {
    it("share nothing", async () => {
      await using one = await linked(make, (stream) => reply(stream));
      await using two = await linked(make, (stream) => reply(stream));
      await one.transport.close();
      await two.call();
      expect(judged(await caught(one.call()))).toMatchObject({ disposition: "unsent" });
    });
  });
});
