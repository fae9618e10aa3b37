import { getEventListeners } from "node:events";
import { gzipSync } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { encoded, once } from "../../test/support/echo.js";
import {
  data,
  frame,
  goaway,
  head,
  headers,
  message,
  rstStream,
  settings,
  trailers,
  windowUpdate,
} from "../../test/support/frames.js";
import { collectGarbage } from "../../test/support/garbage.js";
import { readyLink, type TestLink, testLink } from "../../test/support/link.js";
import { turn } from "../../test/support/manual-clock.js";
import { type Outcome, outcomeOf } from "../../test/support/outcome.js";
import { dispositionOf } from "../disposition.js";
import { ErrorCode, FrameType, Setting } from "../http2/frame.js";
import { TransportError } from "../transport-error.js";

type Request = MessageInitShape<typeof BytesValueSchema>;
type Answer = Awaited<ReturnType<typeof callRaw>>;

const callRaw = (link: TestLink, text: string, signal?: AbortSignal, timeoutMs?: number) =>
  link.transport.unary(once, signal, timeoutMs, undefined, { value: Buffer.from(text) } satisfies Request);

function call(link: TestLink, text = "x", signal?: AbortSignal, timeoutMs?: number): Outcome<Answer> {
  return outcomeOf(callRaw(link, text, signal, timeoutMs));
}

const answer = (id: number, text = "answer"): Buffer =>
  Buffer.concat([head(id), data(id, message(encoded(text))), trailers(id)]);

describe("a unary call", () => {
  it("resolves with the message, the headers and the trailers", async () => {
    const link = await readyLink();
    const outcome = call(link);
    link.wire.say(
      headers(1, [
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["begin", "a"],
      ]),
      data(1, message(encoded("answer"))),
      trailers(1, ["grpc-status", "0"], ["end", "b"]),
    );
    await turn();
    const { value } = outcome;
    expect(Buffer.from(value?.message.value ?? []).toString()).toBe("answer");
    expect(value?.stream).toBe(false);
    expect(value?.method).toBe(once);
    expect(value?.service).toBe(once.parent);
    expect(value?.header.get("begin")).toBe("a");
    expect(value?.header).toBe(value?.header);
    expect(value?.trailer.get("end")).toBe("b");
    expect(value?.trailer).toBe(value?.trailer);
  });

  it("sends one HEADERS and one DATA that ends the request", async () => {
    const link = await readyLink();
    call(link, "hello");
    await turn();
    const frames = link.wire.heard();
    expect(frames.map(({ type, flags, streamId }) => [type, flags, streamId])).toEqual([
      [FrameType.headers, 4, 1],
      [FrameType.data, 1, 1],
    ]);
    expect(frames[1]?.payload).toEqual(message(encoded("hello")));
  });

  it("sends large requests in frames of 16 KiB, as far as the windows reach", async () => {
    const link = await readyLink();
    const text = "x".repeat(200_000);
    const outcome = call(link, text);
    await turn();
    const first = link.wire.heard().filter(({ type }) => type === FrameType.data);
    expect(first.map(({ payload }) => payload.length)).toEqual([16_384, 16_384, 16_384, 16_383]);
    link.wire.say(windowUpdate(0, 1_000_000), windowUpdate(1, 1_000_000));
    await turn();
    const rest = link.wire.heard();
    expect(rest.at(-1)?.flags).toBe(1);
    expect(Buffer.concat([...first, ...rest].map(({ payload }) => payload))).toEqual(message(encoded(text)));
    link.wire.say(answer(1));
    await turn();
    expect(outcome.value).toBeDefined();
  });

  it("compresses requests when told to", async () => {
    const link = await readyLink({ compression: "gzip" });
    call(link, "x".repeat(10_000));
    await turn();
    const sent = link.wire.heard().find(({ type }) => type === FrameType.data)?.payload ?? Buffer.alloc(0);
    expect(sent[0]).toBe(1);
    expect(sent.subarray(5)).toEqual(gzipSync(encoded("x".repeat(10_000))));
  });

  it("takes an answer in any pieces, compressed or not", async () => {
    const plain = answer(1);
    const packed = Buffer.concat([
      headers(1, [
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["grpc-encoding", "gzip"],
      ]),
      data(1, message(gzipSync(encoded("answer")), 1)),
      trailers(1),
    ]);
    for (const bytes of [plain, packed]) {
      for (const size of [1, 2, 7, 100]) {
        const link = await readyLink();
        const outcome = call(link);
        for (let at = 0; at < bytes.length; at += size) link.wire.say(bytes.subarray(at, at + size));
        await turn();
        expect(Buffer.from(outcome.value?.message.value ?? []).toString()).toBe("answer");
      }
    }
  });

  it("gives bytes that are the caller's own", async () => {
    const link = await readyLink();
    const outcome = call(link);
    const bytes = answer(1);
    link.wire.say(bytes);
    await turn();
    bytes.fill(0xff);
    expect(Buffer.from(outcome.value?.message.value ?? []).toString()).toBe("answer");
  });

  it("rejects with the server's status when that is all there is", async () => {
    const link = await readyLink();
    const outcome = call(link);
    link.wire.say(
      headers(
        1,
        [
          [":status", "200"],
          ["content-type", "application/grpc"],
          ["grpc-status", "5"],
          ["grpc-message", "no %C3%BCbel"],
          ["detail", "x"],
        ],
        { end: true },
      ),
    );
    await turn();
    expect(outcome.error).toBeInstanceOf(ConnectError);
    expect(outcome.error).toMatchObject({ code: Code.NotFound, rawMessage: "no übel" });
    expect((outcome.error as ConnectError).metadata.get("detail")).toBe("x");
    expect(outcome.error).not.toBeInstanceOf(TransportError);
  });

  it("rejects with the server's status although a message came first", async () => {
    const link = await readyLink();
    const outcome = call(link);
    link.wire.say(head(1), data(1, message(encoded("answer"))), trailers(1, ["grpc-status", "13"]));
    await turn();
    expect(outcome.error).toMatchObject({ code: Code.Internal });
  });

  it.each<[string, Buffer, Partial<TransportError>]>([
    [
      "no message",
      Buffer.concat([head(1), trailers(1)]),
      { code: Code.Internal, kind: "protocol", rawMessage: "the answer has no message" },
    ],
    [
      "no message and nothing but trailers",
      trailers(1, [":status", "200"], ["content-type", "application/grpc"], ["grpc-status", "0"]),
      { code: Code.Internal, kind: "protocol" },
    ],
    [
      "two messages",
      Buffer.concat([head(1), data(1, Buffer.concat([message(""), message("")])), trailers(1)]),
      { code: Code.Internal, rawMessage: "the answer has a second message" },
    ],
    [
      "half a message",
      Buffer.concat([head(1), data(1, message("xxxx").subarray(0, 7)), trailers(1)]),
      { code: Code.Internal, rawMessage: "the answer ends in the middle of a message" },
    ],
    [
      "a message that does not decode",
      Buffer.concat([head(1), data(1, message(Buffer.of(0x0a, 0xff))), trailers(1)]),
      { code: Code.Internal, rawMessage: "the answer does not decode" },
    ],
    [
      "no trailers",
      Buffer.concat([head(1), data(1, message(""), { end: true })]),
      { code: Code.Internal, rawMessage: "the answer ended without a gRPC status" },
    ],
    [
      "trailers without status",
      Buffer.concat([head(1), data(1, message("")), trailers(1, ["other", "x"])]),
      { code: Code.Internal, rawMessage: "the answer ended without a gRPC status" },
    ],
    [
      "nothing but a head",
      headers(
        1,
        [
          [":status", "200"],
          ["content-type", "application/grpc"],
        ],
        { end: true },
      ),
      { code: Code.Internal, rawMessage: "the answer ended without a gRPC status" },
    ],
    ["HTTP 503", headers(1, [[":status", "503"]], { end: true }), { code: Code.Unavailable, kind: "http" }],
    [
      "HTTP 404 with a text",
      Buffer.concat([
        headers(1, [
          [":status", "404"],
          ["content-type", "text/html"],
        ]),
        data(1, Buffer.from("<html>"), { end: true }),
      ]),
      { code: Code.Unimplemented, kind: "http" },
    ],
    [
      "another content type",
      Buffer.concat([
        headers(1, [
          [":status", "200"],
          ["content-type", "text/html"],
        ]),
        data(1, Buffer.from("<html>"), { end: true }),
      ]),
      { code: Code.Unknown, kind: "protocol" },
    ],
    [
      "a compressed message and no compression",
      Buffer.concat([head(1), data(1, message(gzipSync("x"), 1)), trailers(1)]),
      { code: Code.Internal, kind: "protocol" },
    ],
    [
      "an unknown compression",
      headers(1, [
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["grpc-encoding", "br"],
      ]),
      { code: Code.Internal, kind: "protocol" },
    ],
  ])("rejects an answer of %s, and leaves the connection as it is", async (_, bytes, expected) => {
    const link = await readyLink();
    const outcome = call(link);
    const other = call(link);
    await turn();
    link.wire.say(bytes);
    await turn();
    expect(outcome.error).toBeInstanceOf(TransportError);
    expect(outcome.error).toMatchObject({ disposition: "unknown", ...expected });
    link.wire.say(answer(3));
    await turn();
    expect(other.value).toBeDefined();
  });

  it("rejects an answer above the limit as soon as its length is known, and resets the stream", async () => {
    const link = await readyLink({ maxReceiveBytes: 100 });
    const outcome = call(link);
    await turn();
    link.wire.heard();
    link.wire.say(head(1), data(1, message(Buffer.alloc(101)).subarray(0, 5)));
    await turn();
    expect(outcome.error).toMatchObject({
      code: Code.ResourceExhausted,
      kind: "limit",
      disposition: "unknown",
    });
    expect(link.wire.heard()).toMatchObject([{ type: FrameType.rstStream, streamId: 1 }]);
  });

  it("rejects a request above the limit before anything is sent", async () => {
    const link = await readyLink({ maxSendBytes: 10 });
    const outcome = call(link, "x".repeat(20));
    await turn();
    expect(outcome.error).toMatchObject({
      code: Code.ResourceExhausted,
      kind: "limit",
      disposition: "unsent",
    });
    expect(link.wire.heard()).toEqual([]);
    const fits = call(link, "x".repeat(8));
    link.wire.say(answer(1));
    await turn();
    expect(fits.value).toBeDefined();
  });

  it("rejects a request that does not encode, and metadata that is none", async () => {
    const link = await readyLink();
    const broken = outcomeOf(
      link.transport.unary(once, undefined, undefined, undefined, { value: "text" as never }),
    );
    const metadata = outcomeOf(
      link.transport.unary(once, undefined, undefined, [["bad name", "x"]] as never, {}),
    );
    await turn();
    expect(broken.error).toBeInstanceOf(Error);
    expect(metadata.error).toBeInstanceOf(TypeError);
    expect(link.wire.heard()).toEqual([]);
    const outcome = call(link);
    link.wire.say(answer(1));
    await turn();
    expect(outcome.value).toBeDefined();
  });

  it.each([
    [ErrorCode.refusedStream, Code.Unavailable, "refused"],
    [ErrorCode.cancel, Code.Canceled, "unknown"],
    [ErrorCode.enhanceYourCalm, Code.ResourceExhausted, "unknown"],
    [ErrorCode.inadequateSecurity, Code.PermissionDenied, "unknown"],
    [ErrorCode.internalError, Code.Internal, "unknown"],
    [ErrorCode.noError, Code.Internal, "unknown"],
    [12345, Code.Internal, "unknown"],
  ])("rejects a reset with code %d as gRPC says", async (code, expected, disposition) => {
    const link = await readyLink();
    const outcome = call(link);
    link.wire.say(rstStream(1, code));
    await turn();
    expect(outcome.error).toMatchObject({ code: expected, kind: "link", disposition });
  });

  it("is refused beyond GOAWAY's last stream, and unsent while it waits", async () => {
    const link = await readyLink({}, [Setting.maxConcurrentStreams, 2]);
    const calls = [call(link), call(link), call(link)];
    await turn();
    link.wire.say(goaway(1));
    await turn();
    expect(calls.map(({ error }) => error && dispositionOf(error))).toEqual([undefined, "refused", "unsent"]);
    link.wire.say(answer(1));
    await turn();
    expect(calls[0]?.value).toBeDefined();
  });

  it("is of unknown outcome when the connection breaks under it", async () => {
    const link = await readyLink();
    const outcome = call(link);
    await turn();
    link.wire.destroy(new Error("read ECONNRESET"));
    await turn();
    expect(outcome.error).toMatchObject({
      code: Code.Unavailable,
      kind: "link",
      disposition: "unknown",
      rawMessage: "read ECONNRESET",
    });
  });

  it("is unsent when there is no connection", async () => {
    const outcome = call(testLink());
    await turn();
    expect(outcome.error).toMatchObject({ code: Code.Unavailable, disposition: "unsent" });
  });

  describe("with a signal", () => {
    it("rejects at once when that has aborted, and sends nothing", async () => {
      const link = await readyLink();
      const reason = new Error("no need");
      const signal = AbortSignal.abort(reason);
      const outcome = call(link, "x", signal);
      await turn();
      expect(outcome.error).toMatchObject({ code: Code.Canceled, cause: reason, disposition: "unsent" });
      expect(link.wire.heard()).toEqual([]);
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });

    it("rejects when that aborts, and resets the stream", async () => {
      const link = await readyLink();
      const controller = new AbortController();
      const outcome = call(link, "x", controller.signal);
      await turn();
      link.wire.heard();
      controller.abort("enough");
      await turn();
      expect(outcome.error).toMatchObject({ code: Code.Canceled, cause: "enough", disposition: "unknown" });
      expect(link.wire.heard()).toMatchObject([{ type: FrameType.rstStream, streamId: 1 }]);
    });

    it("was not sent while flow control holds its end back, unless the server has begun to answer", async () => {
      for (const begun of [false, true]) {
        const link = await readyLink();
        const controller = new AbortController();
        const outcome = call(link, "x".repeat(200_000), controller.signal);
        await turn();
        if (begun) link.wire.say(head(1));
        controller.abort("enough");
        await turn();
        expect(outcome.error).toMatchObject({ disposition: begun ? "unknown" : "unsent" });
        link.wire.heard();
        link.wire.say(windowUpdate(0, 1_000_000));
        await turn();
        expect(link.wire.heard()).toEqual([]);
      }
    });

    it("leaves no listener on it, however the call ends", async () => {
      const link = await readyLink();
      const controller = new AbortController();
      const { signal } = controller;
      const calls = [call(link, "a", signal), call(link, "b", signal), call(link, "c", signal)];
      expect(getEventListeners(signal, "abort")).toHaveLength(3);
      link.wire.say(answer(1), rstStream(3, 8));
      await turn();
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
      await link.transport.close();
      await turn();
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
      expect(calls.every(({ settled }) => settled)).toBe(true);
    });
  });

  describe("with a deadline", () => {
    it("rejects when that has passed, and resets the stream", async () => {
      const link = await readyLink();
      const outcome = call(link, "x", undefined, 1_500);
      await turn();
      const [first] = link.wire.heard();
      expect(first?.payload.includes("2S")).toBe(true);
      link.clock.advance(1_499);
      await turn();
      expect(outcome.settled).toBe(false);
      link.clock.advance(1);
      await turn();
      expect(outcome.error).toMatchObject({
        code: Code.DeadlineExceeded,
        kind: "deadline",
        disposition: "unknown",
      });
      expect(link.wire.heard()).toMatchObject([{ type: FrameType.rstStream, streamId: 1 }]);
    });

    it("was not sent when that passes while flow control holds its end back", async () => {
      const link = await readyLink();
      const outcome = call(link, "x".repeat(200_000), undefined, 1_500);
      await turn();
      link.clock.advance(1_500);
      await turn();
      expect(outcome.error).toMatchObject({ kind: "deadline", disposition: "unsent" });
      expect((outcome.error as TransportError).rawMessage).toContain("took the whole request");
    });

    it("resolves when the answer had arrived before a stall let the timer run", async () => {
      const link = await readyLink();
      const outcome = call(link, "x", undefined, 1_000);
      await turn();
      link.clock.advance(5_000);
      link.wire.say(answer(1));
      await turn();
      expect(outcome.value).toBeDefined();
    });

    it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("of %d ms has none", async (timeoutMs) => {
      const link = await readyLink();
      const outcome = call(link, "x", undefined, timeoutMs);
      await turn();
      const [first] = link.wire.heard();
      expect(first?.payload.includes("grpc-timeout")).toBe(false);
      link.clock.advance(2_000);
      await turn();
      expect(outcome.settled).toBe(false);
    });
  });

  describe("beyond the server's limit of streams", () => {
    it("waits for its turn, in order", async () => {
      const link = await readyLink({}, [Setting.maxConcurrentStreams, 2]);
      const calls = Array.from({ length: 6 }, (_, index) => call(link, `call ${index}`));
      const texts: string[] = [];
      for (let id = 1; id <= 11; id += 2) {
        await turn();
        const sent = link.wire.heard().filter(({ type }) => type === FrameType.data);
        texts.push(...sent.map(({ payload }) => payload.toString("latin1", 7)));
        expect(texts.length).toBeLessThanOrEqual((id - 1) / 2 + 2);
        link.wire.say(answer(id));
      }
      await turn();
      expect(texts).toEqual(calls.map((_, index) => `call ${index}`));
      expect(calls.every(({ value }) => value !== undefined)).toBe(true);
    });

    it("goes on when the limit rises from nothing", async () => {
      const link = await readyLink({}, [Setting.maxConcurrentStreams, 0]);
      const outcome = call(link);
      await turn();
      expect(link.wire.heard()).toEqual([]);
      link.wire.say(settings([Setting.maxConcurrentStreams, 1]));
      await turn();
      link.wire.say(answer(1));
      await turn();
      expect(outcome.value).toBeDefined();
    });

    it("keeps the process alive until it is over or has a stream, which does so then", async () => {
      const link = await readyLink({}, [Setting.maxConcurrentStreams, 0]);
      const holds = (): number => link.clock.pending.filter(({ keepAlive }) => keepAlive).length;
      const controller = new AbortController();
      call(link, "x", undefined, 100);
      call(link, "x", controller.signal);
      await turn();
      expect(holds()).toBe(1);
      link.clock.advance(100);
      await turn();
      expect(holds()).toBe(1);
      controller.abort();
      await turn();
      expect(holds()).toBe(0);
      call(link);
      expect(holds()).toBe(1);
      link.wire.say(settings([Setting.maxConcurrentStreams, 1]));
      await turn();
      expect(holds()).toBe(0);
      const last = call(link);
      expect(holds()).toBe(1);
      link.wire.destroy(new Error("cut"));
      await turn();
      expect(last.error).toMatchObject({ disposition: "unsent" });
      expect(holds()).toBe(0);
    });

    it("rejects when its time is up before, names the limit, and was not sent", async () => {
      const link = await readyLink({}, [Setting.maxConcurrentStreams, 1]);
      call(link);
      const outcome = call(link, "late", undefined, 100);
      await turn();
      link.wire.heard();
      link.clock.advance(100);
      await turn();
      expect(outcome.error).toMatchObject({
        code: Code.DeadlineExceeded,
        kind: "deadline",
        disposition: "unsent",
      });
      expect((outcome.error as TransportError).rawMessage).toContain("limit of streams");
      link.wire.say(answer(1));
      await turn();
      expect(link.wire.heard()).toEqual([]);
    });

    it("is not sent when it is aborted before", async () => {
      const link = await readyLink({}, [Setting.maxConcurrentStreams, 1]);
      call(link);
      const controller = new AbortController();
      const outcome = call(link, "x", controller.signal);
      controller.abort();
      await turn();
      expect(outcome.error).toMatchObject({ code: Code.Canceled, disposition: "unsent" });
    });

    it("is forgotten when it is over, however many there are", async () => {
      const link = await readyLink({}, [Setting.maxConcurrentStreams, 0]);
      const requests: WeakRef<Request>[] = [];
      for (let round = 0; round < 100; round++) {
        const value = { value: Buffer.alloc(100) } satisfies Request;
        requests.push(new WeakRef(value));
        outcomeOf(link.transport.unary(once, AbortSignal.abort(), undefined, undefined, value));
        for (let more = 0; more < 9; more++) call(link, "x", AbortSignal.abort());
        await turn();
      }
      collectGarbage();
      expect(requests.filter((request) => request.deref() !== undefined).length).toBeLessThan(50);
      const outcome = call(link);
      link.wire.say(settings([Setting.maxConcurrentStreams, 1]));
      await turn();
      link.wire.say(answer(1));
      await turn();
      expect(outcome.value).toBeDefined();
    });
  });

  it("keeps apart the answers of a thousand calls that come in any order", async () => {
    const link = await readyLink();
    const calls = Array.from({ length: 1_000 }, (_, index) => call(link, String(index)));
    await turn();
    const ids = calls.map((_, index) => 2 * index + 1);
    for (const id of ids.toSorted((a, b) => ((a * 7919) % 1_009) - ((b * 7919) % 1_009)))
      link.wire.say(answer(id, `for ${id}`));
    await turn();
    expect(calls.map(({ value }) => Buffer.from(value?.message.value ?? []).toString())).toEqual(
      ids.map((id) => `for ${id}`),
    );
  });

  it("is rejected when the answer breaks HTTP/2 in its middle", async () => {
    const link = await readyLink();
    const outcome = call(link);
    link.wire.say(head(1), frame(FrameType.ping, 0, 0, Buffer.alloc(7)));
    await turn();
    expect(outcome.error).toMatchObject({ code: Code.Unavailable, kind: "protocol", disposition: "unknown" });
    expect(link.transport.state).toBe("idle");
  });
});
