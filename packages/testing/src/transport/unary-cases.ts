import { getEventListeners } from "node:events";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failureOf } from "./failure.js";
import { type GroundMaker, newName } from "./ground.js";

const mebibyte = 2 ** 20;

/** One question, one answer. */
export function describeUnaryCalls({ capabilities, direct }: GroundMaker): void {
  describe("a unary call", () => {
    it("gives the answer", async () => {
      await using ground = await direct();
      const payload = Buffer.from("hello");
      const answer = await ground.client.unary({ payload });
      expect(Buffer.from(answer.payload)).toEqual(payload);
      expect(answer.receivedBytes).toBe(5n);
    });

    it("gives an empty answer to an empty question", async () => {
      await using ground = await direct();
      expect((await ground.client.unary({})).payload.length).toBe(0);
    });

    it("carries bytes of every value", async () => {
      await using ground = await direct();
      const payload = Uint8Array.from({ length: 256 }, (_, value) => value);
      expect((await ground.client.unary({ payload })).payload).toEqual(payload);
    });

    it.each([8 * mebibyte, 65_535, 65_536, 16_384 - 30])(
      "carries %d bytes both ways, whatever the windows",
      async (size) => {
        await using ground = await direct();
        const payload = Buffer.alloc(size, "abcdefg");
        const answer = await ground.client.unary({ payload });
        expect(Buffer.compare(answer.payload, payload)).toBe(0);
      },
    );

    it("gives bytes that nobody else writes to", async () => {
      await using ground = await direct();
      const first = await ground.client.unary({ payload: Buffer.alloc(1_000, 1) });
      await Promise.all(
        Array.from({ length: 50 }, () => ground.client.unary({ payload: Buffer.alloc(1_000, 2) })),
      );
      expect(first.payload.every((byte) => byte === 1)).toBe(true);
    });

    it("carries metadata to the server and back, as headers and as trailers", async () => {
      await using ground = await direct();
      const name = newName();
      let header = new Headers();
      let trailer = new Headers();
      const bytes = Buffer.from([0, 1, 2, 254, 255]).toString("base64");
      await ground.client.unary(
        { name },
        {
          headers: { "x-echo": "there and back", "x-echo-bin": bytes },
          onHeader: (headers) => (header = headers),
          onTrailer: (trailers) => (trailer = trailers),
        },
      );
      const decoded = (value: string | null): Buffer => Buffer.from(value ?? "", "base64");
      expect(ground.server.log.entries(name)[0]?.header.get("x-echo")).toBe("there and back");
      expect(header.get("x-echo")).toBe("there and back");
      expect(decoded(header.get("x-echo-bin"))).toEqual(decoded(bytes));
      expect(trailer.get("x-echo-back")).toBe("there and back");
      expect(decoded(trailer.get("x-echo-back-bin"))).toEqual(decoded(bytes));
    });

    it("rejects with the server's code, words and metadata", async () => {
      await using ground = await direct();
      // Without a colon: one library writes it as a sequence and another does not undo that.
      const errorMessage = 'just "100%" of it – 你好\nsecond line';
      const error = await failureOf(ground.client.unary({ code: Code.FailedPrecondition, errorMessage }));
      expect(error.code).toBe(Code.FailedPrecondition);
      expect(error.rawMessage).toBe(errorMessage);
      expect(error.metadata.get("x-failure")).toBe(String(Code.FailedPrecondition));
    });

    it("rejects when the server has no such method", async () => {
      await using ground = await direct();
      expect((await failureOf(ground.client.missing({}))).code).toBe(Code.Unimplemented);
    });

    it("keeps a thousand answers apart", async () => {
      await using ground = await direct();
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, index) =>
          ground.client.unary({ payload: Buffer.from(`call ${index}`) }),
        ),
      );
      expect(answers.map(({ payload }) => Buffer.from(payload).toString())).toEqual(
        answers.map((_, index) => `call ${index}`),
      );
    });

    describe("with a deadline", () => {
      it("rejects when that has passed, and the server is told", async () => {
        await using ground = await direct();
        await ground.client.unary({}); // the time is for the call, not for the dial
        const name = newName();
        const error = await failureOf(ground.client.unary({ name, wait: true }, { timeoutMs: 500 }));
        expect(error.code).toBe(Code.DeadlineExceeded);
        await ground.server.log.until(name, ({ over }) => over);
      });

      it("does not wait for it when the answer is there", async () => {
        await using ground = await direct();
        const begun = performance.now();
        await ground.client.unary({}, { timeoutMs: 60_000 });
        expect(performance.now() - begun).toBeLessThan(30_000);
      });

      if (capabilities.unlimitedTimeout) {
        it("of Infinity has none", async () => {
          await using ground = await direct();
          await ground.client.unary({}, { timeoutMs: Number.POSITIVE_INFINITY });
        });
      }

      it.each([0, -1])("of %d ms has none", async (timeoutMs) => {
        await using ground = await direct();
        await ground.client.unary({}, { timeoutMs });
      });
    });

    describe("with a signal", () => {
      it("rejects when that has aborted before, and the server hears nothing", async () => {
        await using ground = await direct();
        const name = newName();
        const error = await failureOf(ground.client.unary({ name }, { signal: AbortSignal.abort() }));
        expect(error.code).toBe(Code.Canceled);
        await ground.client.unary({});
        expect(ground.server.log.entries(name)).toEqual([]);
      });

      it("rejects when that aborts, and the server is told", async () => {
        await using ground = await direct();
        const name = newName();
        const controller = new AbortController();
        const failure = failureOf(ground.client.unary({ name, wait: true }, { signal: controller.signal }));
        await ground.server.log.until(name, ({ received }) => received === 1);
        controller.abort();
        expect((await failure).code).toBe(Code.Canceled);
        await ground.server.log.until(name, ({ over }) => over);
      });

      it("leaves no listener on it, however the call ends", async () => {
        await using ground = await direct();
        const { signal } = new AbortController();
        await ground.client.unary({}, { signal });
        await failureOf(ground.client.unary({ code: Code.Internal }, { signal }));
        await failureOf(ground.client.unary({ wait: true }, { signal, timeoutMs: 50 }));
        expect(getEventListeners(signal, "abort")).toEqual([]);
      });
    });

    if (capabilities.gzip) {
      it("understands answers that are compressed", async () => {
        await using ground = await direct();
        const answer = await ground.client.unary({ sizeBytes: 100_000 });
        expect(answer.payload.length).toBe(100_000);
        expect(answer.payload.every((byte) => byte === 0x61)).toBe(true);
      });
    }
  });
}
