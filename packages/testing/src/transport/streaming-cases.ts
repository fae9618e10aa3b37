import { getEventListeners } from "node:events";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type Transport } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Echo, type EchoRequestSchema } from "./echo-service.js";
import { failureOf, gather } from "./failure.js";
import { type GroundMaker, newName } from "./ground.js";

type Request = MessageInitShape<typeof EchoRequestSchema>;

const mebibyte = 2 ** 20;

async function* all(...requests: readonly Request[]): AsyncGenerator<Request> {
  for (const request of requests) yield request;
}

/** Requests that the test gives when it likes. */
function given(): { readonly requests: AsyncGenerator<Request>; give(request: Request): void; end(): void } {
  const queue: (Request | undefined)[] = [];
  let wake: () => void = () => undefined;
  const put = (item: Request | undefined): void => {
    queue.push(item);
    wake();
  };
  async function* requests(): AsyncGenerator<Request> {
    while (true) {
      while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const next = queue.shift();
      if (next === undefined) return;
      yield next;
    }
  }
  return { requests: requests(), give: put, end: () => put(undefined) };
}

/** Requests that never come behind the first ones, and how often they were told that nobody asks any more. */
function pending(...first: Request[]): {
  readonly requests: AsyncIterable<Request>;
  readonly told: Promise<void>;
  count(): number;
} {
  let count = 0;
  let tell: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (tell = resolve));
  return {
    told,
    count: () => count,
    requests: {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          const value = first.shift();
          return value === undefined
            ? new Promise<never>(() => undefined)
            : Promise.resolve({ done: false, value });
        },
        return: () => {
          count++;
          tell();
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    },
  };
}

/** The messages of a server-streaming call as the transport gives them, with `return`. */
async function down(transport: Transport, request: Request, signal?: AbortSignal) {
  const { message } = await transport.stream(
    Echo.method.serverStream,
    signal,
    undefined,
    undefined,
    all(request),
  );
  return message[Symbol.asyncIterator]();
}

/** Streams in each direction and in both. */
export function describeStreams({ capabilities, direct }: GroundMaker): void {
  describe("a server-streaming call", () => {
    it("gives every message in order, then ends", async () => {
      await using ground = await direct();
      const { taken, error } = await gather(
        ground.client.serverStream({ count: 1_000, payload: Buffer.from("x") }),
      );
      expect(error).toBeUndefined();
      expect(taken.map(({ index }) => index)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    });

    it("ends at once when there are none", async () => {
      await using ground = await direct();
      expect(await gather(ground.client.serverStream({ count: 0 }))).toEqual({ taken: [], error: undefined });
    });

    it("carries 64 MiB in large messages", async () => {
      await using ground = await direct();
      let bytes = 0;
      for await (const { payload } of ground.client.serverStream({ count: 16, sizeBytes: 4 * mebibyte })) {
        bytes += payload.length;
      }
      expect(bytes).toBe(64 * mebibyte);
    });

    it("carries metadata back, as headers and as trailers", async () => {
      await using ground = await direct();
      const response = await ground.transport.stream(
        Echo.method.serverStream,
        undefined,
        undefined,
        { "x-echo": "there and back" },
        all({ count: 2 }),
      );
      expect(response.header.get("x-echo")).toBe("there and back");
      await gather(response.message);
      expect(response.trailer.get("x-echo-back")).toBe("there and back");
    });

    it("fails as the server does", async () => {
      await using ground = await direct();
      const { taken, error } = await gather(
        ground.client.serverStream({ count: 0, code: Code.OutOfRange, errorMessage: "compacted" }),
      );
      expect(taken).toEqual([]);
      expect(error).toMatchObject({ code: Code.OutOfRange, rawMessage: "compacted" });
    });

    if (capabilities.messagesBeforeErrors) {
      it("gives the messages before the error, however few or many", async () => {
        await using ground = await direct();
        for (const count of [1, 2, 50]) {
          const request = {
            count,
            payload: Buffer.alloc(100),
            code: Code.OutOfRange,
            errorMessage: "compacted",
          };
          const { taken, error } = await gather(ground.client.serverStream(request));
          expect(taken).toHaveLength(count);
          expect(error).toMatchObject({ code: Code.OutOfRange, rawMessage: "compacted" });
        }
      });
    }

    if (capabilities.backPressure) {
      it("holds the server back while nobody takes the messages, and goes on when somebody does", async () => {
        await using ground = await direct();
        const name = newName();
        const count = 64 * 16;
        const messages = await down(ground.transport, { name, count, sizeBytes: mebibyte / 16 });
        await messages.next();
        // Others on the same connection go on meanwhile.
        for (let call = 0; call < 100; call++) await ground.client.unary({});
        const [entry] = ground.server.log.entries(name);
        expect(entry?.sent).toBeLessThan(count / 4);
        expect(entry?.over).toBe(false);
        let taken = 1;
        while ((await messages.next()).done !== true) taken++;
        expect(taken).toBe(count);
      });
    }

    if (capabilities.cancelsOnReturn)
      it("tells the server when its consumer leaves", async () => {
        await using ground = await direct();
        const name = newName();
        const messages = await down(ground.transport, { name, count: 3, wait: true });
        await messages.next();
        await messages.return?.();
        await ground.server.log.until(name, ({ over }) => over);
        expect((await messages.next()).done).toBe(true);
      });

    if (capabilities.concurrentReturn) {
      it("may be left while a message is asked for", async () => {
        await using ground = await direct();
        const name = newName();
        const messages = await down(ground.transport, { name, count: 1, wait: true });
        await messages.next();
        const asked = messages.next();
        await messages.return?.();
        expect((await asked).done).toBe(true);
        await ground.server.log.until(name, ({ over }) => over);
      });
    }

    it("fails when its signal aborts, and the server is told", async () => {
      await using ground = await direct();
      const name = newName();
      const controller = new AbortController();
      const messages = await down(ground.transport, { name, count: 1, wait: true }, controller.signal);
      await messages.next();
      const failure = failureOf(messages.next());
      controller.abort();
      expect((await failure).code).toBe(Code.Canceled);
      await ground.server.log.until(name, ({ over }) => over);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    });

    it("fails at its deadline", async () => {
      await using ground = await direct();
      await ground.client.unary({}); // the time is for the call, not for the dial
      const { taken, error } = await gather(
        ground.client.serverStream({ count: 2, wait: true }, { timeoutMs: 1_000 }),
      );
      expect(taken).toHaveLength(2);
      expect(error).toMatchObject({ code: Code.DeadlineExceeded });
    });

    it("leaves no listener on its signal at the end", async () => {
      await using ground = await direct();
      const { signal } = new AbortController();
      await gather(ground.client.serverStream({ count: 5 }, { signal }));
      await gather(ground.client.serverStream({ code: Code.Internal }, { signal }));
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });
  });

  describe("a client-streaming call", () => {
    it("sends every request, then gives the answer", async () => {
      await using ground = await direct();
      const requests = Array.from({ length: 500 }, () => ({ payload: Buffer.alloc(1_000) }));
      const answer = await ground.client.clientStream(all(...requests));
      expect(answer.index).toBe(500);
      expect(answer.receivedBytes).toBe(500_000n);
    });

    it("gives the answer of a server that has heard enough", async () => {
      await using ground = await direct();
      const source = given();
      source.give({ payload: Buffer.of(1), finish: true });
      expect((await ground.client.clientStream(source.requests)).index).toBe(1);
    });

    it("rejects as the server does, in the middle", async () => {
      await using ground = await direct();
      const failure = failureOf(
        ground.client.clientStream(all({}, { code: Code.NotFound, errorMessage: "gone" }, {})),
      );
      expect(await failure).toMatchObject({ code: Code.NotFound, rawMessage: "gone" });
    });
  });

  describe("a bidirectional call", () => {
    it("answers each request before the next is asked for", async () => {
      await using ground = await direct();
      const source = given();
      const messages = ground.client.bidi(source.requests)[Symbol.asyncIterator]();
      for (let round = 0; round < 20; round++) {
        source.give({ payload: Buffer.of(round) });
        const next = await messages.next();
        expect(next.value?.payload[0]).toBe(round);
      }
      source.end();
      expect((await messages.next()).done).toBe(true);
    });

    it("carries large requests and answers against each other", async () => {
      await using ground = await direct();
      const requests = Array.from({ length: 8 }, () => ({ payload: Buffer.alloc(2 * mebibyte, 7) }));
      let bytes = 0;
      for await (const { payload } of ground.client.bidi(all(...requests))) bytes += payload.length;
      expect(bytes).toBe(16 * mebibyte);
    });

    it("tells the server that no more requests come, and still takes answers", async () => {
      await using ground = await direct();
      const { taken, error } = await gather(ground.client.bidi(all({}, {}, {})));
      expect(taken).toHaveLength(3);
      expect(error).toBeUndefined();
    });

    it("ends when the server does, although more requests could come", async () => {
      await using ground = await direct();
      const source = pending();
      async function* requests(): AsyncGenerator<Request> {
        yield { payload: Buffer.of(1) };
        yield { finish: true };
        yield* source.requests;
      }
      const { taken, error } = await gather(ground.client.bidi(requests()));
      expect(taken).toHaveLength(1);
      expect(error).toBeUndefined();
    });

    it("fails with its requests, and the server is told", async () => {
      await using ground = await direct();
      const name = newName();
      async function* requests(): AsyncGenerator<Request> {
        yield { name };
        await ground.server.log.until(name, ({ received }) => received === 1);
        throw new Error("no more");
      }
      const { error } = await gather(ground.client.bidi(requests()));
      expect(String(error)).toContain("no more");
      await ground.server.log.until(name, ({ over }) => over);
    });

    if (capabilities.tellsRequests)
      it("tells its requests when it is left", async () => {
        await using ground = await direct();
        const name = newName();
        const { requests, told, count } = pending({ name });
        const controller = new AbortController();
        const call = gather(ground.client.bidi(requests, { signal: controller.signal }));
        await ground.server.log.until(name, ({ received }) => received === 1);
        controller.abort();
        expect((await call).error).toMatchObject({ code: Code.Canceled });
        await told;
        expect(count()).toBe(1);
      });
  });
}
