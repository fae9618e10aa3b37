import { getEventListeners } from "node:events";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { both, down, encoded } from "../../test/support/echo.js";
import { data, type Frame, head, headers, message, rstStream, trailers } from "../../test/support/frames.js";
import { readyLink, type TestLink, testLink } from "../../test/support/link.js";
import { turn } from "../../test/support/manual-clock.js";
import { type Outcome, outcomeOf } from "../../test/support/outcome.js";
import { ErrorCode, FrameType, Setting } from "../http2/frame.js";
import type { HeaderInput } from "./request-headers.js";

type Request = MessageInitShape<typeof BytesValueSchema>;

async function* just(...texts: readonly string[]): AsyncGenerator<Request> {
  for (const text of texts) yield { value: Buffer.from(text) };
}

/** Requests that the test hands out one by one. */
class Requests implements AsyncIterable<Request> {
  readonly #waiting: ((result: IteratorResult<Request>) => void)[] = [];
  returned = 0;

  [Symbol.asyncIterator](): AsyncIterator<Request> {
    return {
      next: () => new Promise((resolve) => this.#waiting.push(resolve)),
      return: () => {
        this.returned++;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async give(text: string): Promise<void> {
    await turn();
    this.#waiting.shift()?.({ done: false, value: { value: Buffer.from(text) } });
    await turn();
  }

  async end(): Promise<void> {
    await turn();
    this.#waiting.shift()?.({ done: true, value: undefined });
    await turn();
  }
}

interface Streamed {
  readonly response: Outcome<{ header: Headers; trailer: Headers }>;
  /** Asks for one more message. */
  next(): Outcome<IteratorResult<string>>;
  return(): Promise<unknown>;
}

function stream(
  link: TestLink,
  input: AsyncIterable<Request> = just("x"),
  {
    method = down,
    signal,
    timeoutMs,
    header,
  }: { method?: typeof down; signal?: AbortSignal; timeoutMs?: number; header?: HeaderInput } = {},
): Streamed {
  const promise = link.transport.stream(method, signal, timeoutMs, header, input);
  const iterator = promise.then((response) => response.message[Symbol.asyncIterator]());
  iterator.catch(() => undefined);
  return {
    response: outcomeOf(promise),
    next: () =>
      outcomeOf(
        iterator
          .then((messages) => messages.next())
          .then(({ done = false, value }) =>
            done ? { done: true, value: undefined } : { done, value: Buffer.from(value.value).toString() },
          ),
      ),
    return: async () => (await iterator).return?.(),
  };
}

const say = (id: number, ...texts: readonly string[]): Buffer =>
  data(id, Buffer.concat(texts.map((text) => message(encoded(text)))));
const sent = (frames: readonly Frame[]): string[] =>
  frames
    .filter(({ type, payload }) => type === FrameType.data && payload.length > 0)
    .map(({ payload }) => payload.toString("latin1", 7));
const resets = (frames: readonly Frame[]): number[] =>
  frames.filter(({ type }) => type === FrameType.rstStream).map(({ payload }) => payload.readUInt32BE(0));
const given = (frames: readonly Frame[], streamId: number): number =>
  frames
    .filter((frame) => frame.type === FrameType.windowUpdate && frame.streamId === streamId)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);

async function value<T>(outcome: Outcome<T>): Promise<T | undefined> {
  await turn();
  return outcome.value;
}

describe("a server-streaming call", () => {
  it("sends its one request with the end, and does not ask for another", async () => {
    const link = await readyLink();
    let asked = 0;
    const input: AsyncIterable<Request> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          asked++;
          return Promise.resolve({ done: false, value: { value: Buffer.from("only") } });
        },
      }),
    };
    stream(link, input);
    await turn();
    expect(link.wire.heard().map(({ type, flags }) => [type, flags])).toEqual([
      [FrameType.headers, 4],
      [FrameType.data, 1],
    ]);
    expect(asked).toBe(1);
  });

  it("responds when the head is there, and gives messages in order, then the end and the trailers", async () => {
    const link = await readyLink();
    const streamed = stream(link);
    await turn();
    expect(streamed.response.settled).toBe(false);
    link.wire.say(
      headers(1, [
        [":status", "200"],
        ["content-type", "application/grpc"],
        ["begin", "a"],
      ]),
    );
    await turn();
    expect(streamed.response.value?.header.get("begin")).toBe("a");
    link.wire.say(say(1, "one", "two"), say(1, "three"), trailers(1, ["grpc-status", "0"], ["end", "b"]));
    for (const text of ["one", "two", "three"]) {
      expect(await value(streamed.next())).toEqual({ done: false, value: text });
    }
    expect(await value(streamed.next())).toEqual({ done: true, value: undefined });
    expect(await value(streamed.next())).toEqual({ done: true, value: undefined });
    expect(streamed.response.value?.trailer.get("end")).toBe("b");
    expect(resets(link.wire.heard())).toEqual([]);
  });

  it("may be asked for several messages at once", async () => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(head(1));
    await turn();
    const asked = [streamed.next(), streamed.next(), streamed.next()];
    await turn();
    link.wire.say(say(1, "one"), say(1, "two"), trailers(1));
    await turn();
    expect(asked.map((outcome) => outcome.value?.value)).toEqual(["one", "two", undefined]);
  });

  it("throws an error of the server behind the messages before it, once", async () => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(head(1), say(1, "one"), trailers(1, ["grpc-status", "11"], ["grpc-message", "compacted"]));
    expect(await value(streamed.next())).toEqual({ done: false, value: "one" });
    const failed = streamed.next();
    await turn();
    expect(failed.error).toMatchObject({ code: Code.OutOfRange, rawMessage: "compacted" });
    expect(await value(streamed.next())).toEqual({ done: true, value: undefined });
  });

  it("throws it to who waits, and ends for who asked after", async () => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(head(1));
    await turn();
    const [first, second] = [streamed.next(), streamed.next()];
    await turn();
    link.wire.say(trailers(1, ["grpc-status", "13"]));
    await turn();
    expect(first.error).toMatchObject({ code: Code.Internal });
    expect(second.value?.done).toBe(true);
  });

  it.each([
    [
      "nothing but trailers",
      headers(
        1,
        [
          [":status", "200"],
          ["content-type", "application/grpc"],
          ["grpc-status", "12"],
        ],
        { end: true },
      ),
      Code.Unimplemented,
    ],
    ["HTTP 502", headers(1, [[":status", "502"]], { end: true }), Code.Unavailable],
    ["a reset", rstStream(1, ErrorCode.internalError), Code.Internal],
    [
      "another content type",
      headers(1, [
        [":status", "200"],
        ["content-type", "text/plain"],
      ]),
      Code.Unknown,
    ],
  ])("rejects, rather than respond, for %s", async (_, bytes, code) => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(bytes);
    await turn();
    expect(streamed.response.error).toMatchObject({ code });
  });

  it.each([
    [
      "the middle of a message",
      Buffer.concat([data(1, message("xxxx").subarray(0, 7)), trailers(1)]),
      "the answer ends in the middle of a message",
    ],
    ["no trailers", data(1, message(""), { end: true }), "the answer ended without a gRPC status"],
    [
      "a message that does not decode",
      data(1, message(Buffer.of(0x0a, 0xff))),
      "a message of the answer does not decode",
    ],
  ])("fails when the answer ends with %s", async (_, bytes, expected) => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(head(1), say(1, "one"), bytes);
    expect(await value(streamed.next())).toEqual({ done: false, value: "one" });
    let last = streamed.next();
    await turn();
    if (last.value?.done === false) last = streamed.next(); // an empty message came before the end
    await turn();
    expect(last.error).toMatchObject({ code: Code.Internal, kind: "protocol", rawMessage: expected });
  });

  it("is reset when its consumer leaves, and what has arrived is dropped", async () => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(head(1), say(1, "one", "two"));
    expect(await value(streamed.next())).toEqual({ done: false, value: "one" });
    const waiting = [streamed.next(), streamed.next()];
    await streamed.return();
    await turn();
    expect(waiting.map((outcome) => outcome.value?.value)).toEqual(["two", undefined]);
    expect(resets(link.wire.heard())).toEqual([ErrorCode.cancel]);
    expect(await value(streamed.next())).toEqual({ done: true, value: undefined });
    await streamed.return();
    expect(resets(link.wire.heard())).toEqual([]);
  });

  it("is not reset by leaving after the end", async () => {
    const link = await readyLink();
    const streamed = stream(link);
    link.wire.say(head(1), say(1, "one"), trailers(1));
    await turn();
    link.wire.heard();
    await streamed.return();
    await turn();
    expect(resets(link.wire.heard())).toEqual([]);
    expect(await value(streamed.next())).toEqual({ done: true, value: undefined });
  });

  it("breaks with its connection: rejects before the head, throws after it", async () => {
    const link = await readyLink();
    const early = stream(link);
    const late = stream(link);
    link.wire.say(head(3), say(3, "one"));
    await turn();
    link.wire.destroy(new Error("read ECONNRESET"));
    await turn();
    expect(early.response.error).toMatchObject({
      code: Code.Unavailable,
      kind: "link",
      disposition: "unknown",
    });
    expect(await value(late.next())).toEqual({ done: false, value: "one" });
    const failed = late.next();
    await turn();
    expect(failed.error).toMatchObject({ code: Code.Unavailable, rawMessage: "read ECONNRESET" });
  });

  it("is unsent without a connection, and its requests are told that nobody asks for them", async () => {
    const requests = new Requests();
    const streamed = stream(testLink(), requests);
    await turn();
    expect(streamed.response.error).toMatchObject({ code: Code.Unavailable, disposition: "unsent" });
    expect(requests.returned).toBe(1);
  });

  describe("with a signal", () => {
    it("rejects at once when that has aborted", async () => {
      const link = await readyLink();
      const streamed = stream(link, just("x"), { signal: AbortSignal.abort("no need") });
      await turn();
      expect(streamed.response.error).toMatchObject({
        code: Code.Canceled,
        cause: "no need",
        disposition: "unsent",
      });
      expect(link.wire.heard()).toEqual([]);
    });

    it("throws when that aborts, without the messages that have arrived, and resets the stream", async () => {
      const link = await readyLink();
      const controller = new AbortController();
      const streamed = stream(link, just("x"), { signal: controller.signal });
      link.wire.say(head(1), say(1, "one", "two"));
      expect(await value(streamed.next())).toEqual({ done: false, value: "one" });
      controller.abort("enough");
      const failed = streamed.next();
      await turn();
      expect(failed.error).toMatchObject({ code: Code.Canceled, cause: "enough" });
      expect(resets(link.wire.heard())).toEqual([ErrorCode.cancel]);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    });

    it("leaves no listener on it after the end", async () => {
      const link = await readyLink();
      const { signal } = new AbortController();
      stream(link, just("x"), { signal });
      const left = stream(link, just("x"), { signal });
      expect(getEventListeners(signal, "abort")).toHaveLength(2);
      link.wire.say(head(1), trailers(1), head(3));
      await left.return();
      await turn();
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });
  });

  it("ends at its deadline, before the head or in the middle", async () => {
    const link = await readyLink();
    const early = stream(link, just("x"), { timeoutMs: 1_000 });
    const late = stream(link, just("x"), { timeoutMs: 1_000 });
    link.wire.say(head(3), say(3, "one"));
    await turn();
    link.wire.heard();
    link.clock.advance(1_000);
    await turn();
    expect(early.response.error).toMatchObject({ code: Code.DeadlineExceeded, kind: "deadline" });
    expect(await value(late.next())).toEqual({ done: false, value: "one" });
    const failed = late.next();
    await turn();
    expect(failed.error).toMatchObject({ code: Code.DeadlineExceeded });
    expect(resets(link.wire.heard())).toEqual([ErrorCode.cancel, ErrorCode.cancel]);
  });

  describe("whose consumer is slow", () => {
    const mebibyte = 2 ** 20;
    /** Messages of 16 KiB frames up to `bytes` of body. */
    const flood = (link: TestLink, bytes: number): number => {
      let messages = 0;
      for (let sentBytes = 0; sentBytes + 16_000 <= bytes; sentBytes += 16_000) {
        link.wire.say(data(1, message(encoded("x".repeat(16_000 - 5 - 3 - 1)))));
        messages++;
      }
      return messages;
    };

    it("gets no leave for more until messages are taken", async () => {
      const link = await readyLink();
      const streamed = stream(link);
      link.wire.say(head(1));
      const messages = flood(link, mebibyte);
      await turn();
      expect(given(link.wire.heard(), 1)).toBe(0);
      let leave = 0;
      for (let taken = 0; taken < messages; taken++) {
        await value(streamed.next());
        leave += given(link.wire.heard(), 1);
        expect(leave).toBeLessThanOrEqual((taken + 2) * 16_000);
      }
      expect(leave).toBeGreaterThanOrEqual(mebibyte / 2);
    });

    it("does not hold up another stream, nor the connection", async () => {
      const link = await readyLink();
      stream(link);
      link.wire.say(head(1));
      flood(link, mebibyte);
      const other = stream(link);
      link.wire.say(head(3), say(3, "one"), trailers(3));
      expect(await value(other.next())).toEqual({ done: false, value: "one" });
    });

    it("gets a message that is larger than the window", async () => {
      const link = await readyLink();
      const streamed = stream(link);
      const text = "x".repeat(3 * mebibyte);
      const body = message(encoded(text));
      link.wire.say(head(1));
      let leave = mebibyte;
      for (let at = 0; at < body.length; at += 16_384) {
        const piece = body.subarray(at, at + 16_384);
        expect(leave).toBeGreaterThanOrEqual(piece.length);
        leave -= piece.length;
        link.wire.say(data(1, piece));
        await turn();
        leave += given(link.wire.heard(), 1);
      }
      expect((await value(streamed.next()))?.value?.length).toBe(text.length);
    });

    it("gets it also behind small ones that wait, once they are taken", async () => {
      const link = await readyLink();
      const streamed = stream(link);
      const small = message(encoded("small"));
      const large = message(encoded("x".repeat(2 * mebibyte)));
      const body = Buffer.concat([small, large]);
      link.wire.say(head(1));
      // The server uses up the window: the small message and the beginning of the large one.
      for (let at = 0; at < mebibyte; at += 16_384) link.wire.say(data(1, body.subarray(at, at + 16_384)));
      await turn();
      expect(given(link.wire.heard(), 1)).toBe(0);
      expect((await value(streamed.next()))?.value).toBe("small");
      await turn();
      expect(given(link.wire.heard(), 1)).toBeGreaterThanOrEqual(mebibyte / 2);
    });

    it("gets every byte of its window back, also of a message that has come as far as the one before is long", async () => {
      const link = await readyLink();
      const streamed = stream(link);
      const short = message(encoded("x".repeat(10_000)));
      const long = message(encoded("x".repeat(15_000)));
      link.wire.say(head(1));
      let said = 0;
      let returned = 0;
      for (let round = 0; round < 100; round++) {
        link.wire.say(data(1, short), data(1, long.subarray(0, short.length)));
        await value(streamed.next());
        link.wire.say(data(1, long.subarray(short.length)));
        await value(streamed.next());
        said += short.length + long.length;
        returned += given(link.wire.heard(), 1);
        expect(said - returned).toBeLessThanOrEqual(mebibyte / 2);
      }
    });
  });
});

describe("a bidirectional call", () => {
  it("sends requests as they come and half-closes behind the last", async () => {
    const link = await readyLink();
    const requests = new Requests();
    stream(link, requests, { method: both });
    await requests.give("one");
    expect(sent(link.wire.heard())).toEqual(["one"]);
    await requests.give("two");
    await requests.end();
    const frames = link.wire.heard();
    expect(sent(frames)).toEqual(["two"]);
    expect(frames.at(-1)).toMatchObject({ type: FrameType.data, flags: 1, payload: Buffer.alloc(0) });
  });

  it("answers and asks in any order", async () => {
    const link = await readyLink();
    const requests = new Requests();
    const streamed = stream(link, requests, { method: both });
    link.wire.say(head(1), say(1, "first"));
    expect((await value(streamed.next()))?.value).toBe("first");
    await requests.give("ping");
    expect(sent(link.wire.heard())).toEqual(["ping"]);
    link.wire.say(say(1, "pong"));
    expect((await value(streamed.next()))?.value).toBe("pong");
    await requests.end();
    link.wire.say(say(1, "last"), trailers(1));
    expect((await value(streamed.next()))?.value).toBe("last");
    expect((await value(streamed.next()))?.done).toBe(true);
    expect(requests.returned).toBe(0);
  });

  it("asks for the next request only when the one before has left", async () => {
    const link = await readyLink({}, [Setting.initialWindowSize, 10]);
    let asked = 0;
    async function* endless(): AsyncGenerator<Request> {
      while (true) {
        asked++;
        yield { value: Buffer.alloc(100) };
      }
    }
    stream(link, endless(), { method: both });
    for (let round = 0; round < 10; round++) await turn();
    expect(asked).toBe(1);
  });

  it.each<[string, (link: TestLink, streamed: Streamed) => unknown]>([
    ["the server ends early", (link) => link.wire.say(trailers(1))],
    ["the server fails", (link) => link.wire.say(trailers(1, ["grpc-status", "13"]))],
    ["the server resets", (link) => link.wire.say(rstStream(1, 8))],
    ["the connection breaks", (link) => link.wire.destroy(new Error("cut"))],
    ["its consumer leaves", (_, streamed) => streamed.return()],
    ["the transport closes", (link) => link.transport.close()],
  ])("tells its requests once that nobody asks any more when %s", async (_, end) => {
    const link = await readyLink();
    const requests = new Requests();
    const streamed = stream(link, requests, { method: both });
    await requests.give("one");
    link.wire.say(head(1));
    await turn();
    await end(link, streamed);
    await turn();
    expect(requests.returned).toBe(1);
    await requests.give("too late");
    expect(sent(link.wire.heard())).toEqual(["one"]);
    await streamed.return().catch(() => undefined);
    expect(requests.returned).toBe(1);
  });

  it.each<[when: string, limit: number, begin: (link: TestLink, requests: Requests) => Streamed]>([
    ["its signal has aborted", 1, (link, input) => stream(link, input, { signal: AbortSignal.abort() })],
    [
      "its signal aborts while it waits for the limit of streams",
      0,
      (link, input) => {
        const controller = new AbortController();
        const streamed = stream(link, input, { method: both, signal: controller.signal });
        controller.abort();
        return streamed;
      },
    ],
    [
      "its time is up while it waits",
      0,
      (link, input) => {
        const streamed = stream(link, input, { method: both, timeoutMs: 100 });
        link.clock.advance(100);
        return streamed;
      },
    ],
    [
      "the transport closes while it waits",
      0,
      (link, input) => {
        const streamed = stream(link, input, { method: both });
        void link.transport.close();
        return streamed;
      },
    ],
    ["its headers cannot be", 1, (link, input) => stream(link, input, { header: { "not a name": "x" } })],
  ])("tells its requests that nobody asks when it never started because %s", async (_, limit, begin) => {
    const link = await readyLink({}, [Setting.maxConcurrentStreams, limit]);
    const requests = new Requests();
    const { response } = begin(link, requests);
    await turn();
    expect(response.error).toBeDefined();
    expect(requests.returned).toBe(1);
  });

  it("rejects requests that cannot be iterated", async () => {
    const link = await readyLink();
    const { response } = stream(link, {} as AsyncIterable<Request>);
    await turn();
    expect(response.error).toBeInstanceOf(TypeError);
  });

  it("does not keep the process alive while it follows a server's health, not even in line", async () => {
    const link = await readyLink({}, [Setting.maxConcurrentStreams, 0]);
    const health = { ...down, name: "Watch", parent: { ...down.parent, typeName: "grpc.health.v1.Health" } };
    stream(link, just("x"), { method: health });
    expect(link.clock.pending.filter(({ keepAlive }) => keepAlive)).toEqual([]);
    stream(link);
    expect(link.clock.pending.filter(({ keepAlive }) => keepAlive)).toHaveLength(1);
  });

  it("lets a generator of requests clean up", async () => {
    const link = await readyLink();
    const steps: string[] = [];
    async function* requests(): AsyncGenerator<Request> {
      try {
        yield { value: Buffer.from("one") };
        steps.push("asked again");
        await new Promise((resolve) => setImmediate(resolve));
        yield { value: Buffer.from("two") };
      } finally {
        steps.push("cleaned up");
      }
    }
    stream(link, requests(), { method: both });
    await turn();
    link.wire.say(trailers(1));
    await turn();
    await turn();
    expect(steps).toEqual(["asked again", "cleaned up"]);
  });

  it("cancels when the server's answer is complete before the requests are (RFC 9113, 8.1)", async () => {
    const link = await readyLink();
    stream(link, new Requests(), { method: both });
    link.wire.say(head(1), trailers(1));
    await turn();
    expect(resets(link.wire.heard())).toEqual([ErrorCode.noError]);
  });

  describe("whose requests fail", () => {
    it.each<[string, AsyncIterable<Request>]>([
      [
        "by throwing",
        {
          [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no more")) }),
        },
      ],
      [
        "by throwing synchronously",
        {
          [Symbol.asyncIterator]: () => ({
            next: () => {
              throw new Error("no more");
            },
          }),
        },
      ],
      [
        "before they begin",
        {
          [Symbol.asyncIterator]: () => {
            throw new Error("no more");
          },
        },
      ],
    ])("%s rejects with what they threw and resets the stream", async (_, input) => {
      const link = await readyLink();
      const streamed = stream(link, input, { method: both });
      await turn();
      expect(streamed.response.error).toMatchObject({ message: "no more" });
      const frames = link.wire.heard();
      const opened = frames.filter(({ type }) => type === FrameType.headers).length;
      expect(resets(frames)).toEqual(Array(opened).fill(ErrorCode.cancel));
      expect(link.transport.state).toBe("ready");
    });

    it("when they are told to stop, in whatever way, hurts nobody", async () => {
      const link = await readyLink();
      const awkward = (onReturn: () => unknown): AsyncIterable<Request> => ({
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise<never>(() => undefined),
          return: onReturn as () => Promise<IteratorResult<Request>>,
        }),
      });
      for (const onReturn of [
        () => {
          throw new Error("never!");
        },
        () => Promise.reject(new Error("never!")),
        () => undefined,
      ]) {
        stream(link, awkward(onReturn), { method: both });
      }
      link.wire.say(trailers(1), trailers(3), trailers(5));
      await turn();
      expect(link.transport.state).toBe("ready");
    });

    it("by their size rejects, with unknown outcome since some may have gone before", async () => {
      const link = await readyLink({ maxSendBytes: 10 });
      const streamed = stream(link, just("small", "x".repeat(100)), { method: both });
      await turn();
      expect(streamed.response.error).toMatchObject({
        code: Code.ResourceExhausted,
        kind: "limit",
        disposition: "unknown",
      });
      const only = stream(link, just("x".repeat(100)));
      await turn();
      expect(only.response.error).toMatchObject({ kind: "limit", disposition: "unsent" });
    });
  });

  it("waits for the server's limit of streams, in line with the others", async () => {
    const link = await readyLink({}, [Setting.maxConcurrentStreams, 1]);
    const first = stream(link, just("first"));
    const second = stream(link, just("second"));
    await turn();
    expect(sent(link.wire.heard())).toEqual(["first"]);
    link.wire.say(head(1), trailers(1));
    await turn();
    expect(first.response.value).toBeDefined();
    expect(sent(link.wire.heard())).toEqual(["second"]);
    link.wire.say(head(3), trailers(3));
    await turn();
    expect(second.response.value).toBeDefined();
  });
});
