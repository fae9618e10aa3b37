import { constants, type ServerHttp2Stream } from "node:http2";
import { gzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../test/support/caught.js";
import { begin, finish, frame, reply } from "../test/support/http2-server.js";
import { judged, linked, neverAborts, transports, unclear } from "../test/support/linked.js";

describe.each(transports)("%s", (_, make) => {
  describe("a request that the server did not look at", () => {
    const refused = { disposition: "refused", kind: "link" };

    it("shows by REFUSED_STREAM (RFC 9113, 8.7)", async () => {
      await using link = await linked(make, (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
      for (let i = 0; i < 20; i++) expect(judged(await caught(link.call()))).toEqual(refused);
      expect(link.transport.state).toBe("ready");
    });

    it("shows by a number beyond the last one of GOAWAY (RFC 9113, 6.8)", async () => {
      const held: ServerHttp2Stream[] = [];
      await using link = await linked(make, (stream) => {
        held.push(stream);
        if (held.length === 2) stream.session?.goaway(constants.NGHTTP2_NO_ERROR, held[0]?.id ?? 0);
      });
      const first = link.call();
      await link.server.until(({ open }) => open === 1);
      expect(judged(await caught(link.call()))).toEqual(refused);
      for (const stream of held.slice(0, 1)) reply(stream);
      await first;
    });

    it("does not show by any other code: the write may have happened", async () => {
      for (const code of [
        constants.NGHTTP2_CANCEL,
        constants.NGHTTP2_INTERNAL_ERROR,
        constants.NGHTTP2_ENHANCE_YOUR_CALM,
        constants.NGHTTP2_PROTOCOL_ERROR,
        constants.NGHTTP2_STREAM_CLOSED,
      ]) {
        await using link = await linked(make, (stream) => stream.close(code));
        expect([code, judged(await caught(link.call()))]).toEqual([code, unclear]);
      }
    });
  });

  describe("a request that the server has begun to answer", () => {
    // A server cannot have answered what it did not look at, whatever it says afterwards.
    it.each([
      ["the headers", undefined],
      ["a message", frame(new Uint8Array())],
    ])("may have been carried out, also when the stream is reset as refused after %s", async (_, sent) => {
      for (let i = 0; i < 20; i++) {
        await using link = await linked(make, (stream) => {
          begin(stream);
          const refuse = (): void => stream.close(constants.NGHTTP2_REFUSED_STREAM);
          if (sent === undefined) setImmediate(refuse);
          else stream.write(sent, () => setImmediate(refuse));
        });
        expect(judged(await caught(link.call()))).toEqual(unclear);
      }
    });
  });

  describe("a request whose link breaks", () => {
    it("before an answer came may have been carried out", async () => {
      await using link = await linked(make, (stream) => stream.session?.socket.destroy());
      expect(judged(await caught(link.call()))).toEqual(unclear);
      expect(link.transport.state).toBe("idle");
    });

    it("by a reset may have been carried out", async () => {
      await using link = await linked(make, () => {
        for (const socket of link.server.sockets) socket.resetAndDestroy();
      });
      expect(judged(await caught(link.call()))).toEqual(unclear);
    });

    it.each([
      ["after the headers", Buffer.alloc(0)],
      ["within a message", Buffer.from([0, 0, 0, 1, 0, 1, 2, 3])],
      ["before the status", frame(new Uint8Array())],
    ])(
      "in the middle of the answer may have been carried out, and is no fault of the protocol: %s",
      async (_, sent) => {
        for (let i = 0; i < 20; i++) {
          await using link = await linked(make, (stream) => {
            begin(stream);
            const cut = (): unknown => stream.session?.socket.destroy();
            if (sent.byteLength === 0) setImmediate(cut);
            else stream.write(sent, () => setImmediate(cut));
          });
          expect(judged(await caught(link.call()))).toEqual(unclear);
        }
      },
    );

    it("is told to those who listen, with the reason", async () => {
      await using link = await linked(make, (stream) => stream.session?.socket.destroy());
      const events: unknown[] = [];
      const stop = link.transport.subscribe((event) => events.push(event));
      await caught(link.call());
      stop();
      expect(events).toEqual([{ state: "idle", reason: expect.any(Error) }]);
      await link.transport.connect(neverAborts);
      expect(events).toHaveLength(1);
      expect(link.transport.state).toBe("ready");
    });
  });

  describe("an answer that is none", () => {
    it("does not let the call hang: a stream that ends without a word", async () => {
      await using link = await linked(make, (stream) => stream.close(constants.NGHTTP2_NO_ERROR));
      expect(judged(await caught(link.call()))).toEqual(unclear);
    });

    it.each([
      ["a page of HTML", { ":status": 200, "content-type": "text/html" }, "<html></html>"],
      ["no status at the end", { ":status": 200, "content-type": "application/grpc" }, ""],
    ])("breaks the protocol: %s", async (_, headers, body) => {
      await using link = await linked(make, (stream) => {
        stream.respond(headers);
        stream.end(body);
      });
      expect(judged(await caught(link.call()))).toEqual({ disposition: "unknown", kind: "protocol" });
    });

    it.each([404, 503])("is an answer of HTTP alone where a proxy gives it: %i", async (status) => {
      await using link = await linked(make, (stream) =>
        stream.respond({ ":status": status }, { endStream: true }),
      );
      const error = await caught(link.call());
      expect(judged(error)).toEqual({ disposition: "unknown", kind: "http" });
      expect(error).toMatchObject({ rawMessage: `HTTP ${status}` });
    });

    it.each([
      ["bytes that do not decode", frame(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]))],
      ["a frame longer than the answer", Buffer.from([0, 0, 0, 1, 0, 1, 2, 3])],
      ["a compression that was not agreed", frame(gzipSync("x"), true)],
    ])("breaks the protocol: %s", async (_, body) => {
      await using link = await linked(make, (stream) => {
        begin(stream);
        stream.write(body);
        finish(stream);
      });
      expect(judged(await caught(link.call()))).toEqual({ disposition: "unknown", kind: "protocol" });
    });
  });

  describe("a server that goes away (GOAWAY)", () => {
    it("finishes what it began, and gets no new requests", async () => {
      let answer = (): void => undefined;
      await using link = await linked(make, (stream) => {
        answer = () => reply(stream);
        stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
      });
      const states: string[] = [];
      const left = new Promise<void>((resolve) => {
        link.transport.subscribe(({ state }) => {
          states.push(state);
          resolve();
        });
      });
      const putting = link.call();
      await left;
      expect(states).toEqual(["idle"]);
      expect(judged(await caught(link.call()))).toMatchObject({ disposition: "unsent" });
      answer();
      await putting;
      await link.server.until(({ sockets }) => sockets.size === 0 || link.server.open === 0);
      expect(link.server.requests).toHaveLength(1);
    });

    it("is left behind for a new link, while the old one still drains", async () => {
      const answers: (() => void)[] = [];
      await using link = await linked(make, (stream) => {
        answers.push(() => reply(stream));
        if (answers.length === 1) stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
        else reply(stream);
      });
      const left = new Promise<void>((resolve) => {
        link.transport.subscribe(({ state }) => state === "idle" && resolve());
      });
      const old = link.call();
      await left;
      await link.transport.connect(neverAborts);
      await link.call();
      expect(link.server.accepted).toBe(2);
      answers[0]?.();
      await old;
    });

    it("does not outlive the close: what still drains ends with it", async () => {
      await using link = await linked(make, (stream) => {
        stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
      });
      const left = new Promise<void>((resolve) => {
        link.transport.subscribe(({ state }) => state === "idle" && resolve());
      });
      const failed = caught(link.call());
      await left;
      await link.transport.close();
      expect(judged(await failed)).toEqual(unclear);
      expect(await failed).toMatchObject({ code: Code.Unavailable });
    });
  });
});
