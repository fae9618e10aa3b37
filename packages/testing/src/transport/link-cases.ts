import { randomBytes } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { goawayFrame, pingFrame, rstStreamFrame, settingsFrame } from "../frames/build.js";
import { Echo } from "./echo-service.js";
import { dispositionIn, failureOf, gather } from "./failure.js";
import { type Ground, type GroundMaker, newName } from "./ground.js";

/** Opens the connection and waits until the server has seen it, so that what follows meets an open one. */
async function warm(ground: Ground): Promise<void> {
  await ground.client.unary({});
}

/** What happens to the connection below the calls. */
export function describeLinks(make: GroundMaker): void {
  const { capabilities, direct, proxied, own } = make;
  const { dispositions } = capabilities;

  describe("a connection", () => {
    it("carries everything in slices of one byte", async () => {
      await using ground = await proxied();
      ground.proxy.slice(1);
      expect((await ground.client.unary({ payload: Buffer.alloc(500, 3) })).payload.length).toBe(500);
      const { taken } = await gather(ground.client.serverStream({ count: 5, sizeBytes: 100 }));
      expect(taken).toHaveLength(5);
    });

    it("carries everything in chunks of a MiB", async () => {
      await using ground = await proxied();
      ground.proxy.coalesce(2 ** 20);
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => ground.client.unary({ payload: Buffer.of(index) })),
      );
      expect(answers.map(({ payload }) => payload[0])).toEqual(answers.map((_, index) => index));
    });

    it("answers pings and settings that come in between", async () => {
      await using ground = await proxied();
      await warm(ground);
      const answered = ground.proxy.when(
        { direction: "toServer", type: "PING", andLater: true },
        { do: "drop" },
      );
      const acknowledged = ground.proxy.when(
        { direction: "toServer", type: "SETTINGS", nth: 1, andLater: true },
        { do: "drop" },
      );
      ground.proxy.inject("toClient", Buffer.concat([pingFrame(), settingsFrame({ 1: 0 }), pingFrame()]));
      await answered.hit(2);
      await acknowledged.hit(1);
      expect((await ground.client.unary({ payload: Buffer.of(1) })).payload[0]).toBe(1);
    });

    it("fails what is under way when it breaks, and the next call finds another", async () => {
      await using ground = await proxied();
      const name = newName();
      const failure = failureOf(ground.client.unary({ name, wait: true }));
      const stream = gather(ground.client.serverStream({ count: 1, wait: true }));
      await ground.server.log.until(name, ({ received }) => received === 1);
      ground.proxy.cut();
      const error = await failure;
      expect([Code.Unavailable, Code.Aborted, Code.Internal, Code.Canceled]).toContain(error.code);
      if (dispositions) expect(dispositionIn(error)).toBe("unknown");
      expect((await stream).error).toBeDefined();
      expect((await ground.client.unary({ payload: Buffer.of(1) })).payload[0]).toBe(1);
      expect(ground.server.log.entries(name)).toHaveLength(1);
    });

    it("fails a call whose answer is lost, which the server then has done once", async () => {
      await using ground = await proxied();
      await warm(ground);
      const name = newName();
      ground.proxy.when(
        { direction: "toServer", type: "DATA", endStream: true },
        { do: "lose-answers", quietMs: 200 },
      );
      ground.proxy.when(
        { direction: "toServer", type: "HEADERS", streamId: 3 },
        { do: "lose-answers", quietMs: 200 },
      );
      const error = await failureOf(ground.client.unary({ name }));
      if (dispositions) expect(dispositionIn(error)).toBe("unknown");
      await ground.server.log.until(name, ({ over }) => over);
      expect(ground.server.log.entries(name)).toHaveLength(1);
    });

    if (dispositions) {
      it("knows that a request was not sent when the connection breaks before its end is", async () => {
        await using ground = await proxied();
        await warm(ground);
        // The server gives no leave for all of the request.
        ground.proxy.when({ direction: "toClient", type: "WINDOW_UPDATE", andLater: true }, { do: "drop" });
        const name = newName();
        const begun = ground.proxy.when({ direction: "toServer", type: "DATA", streamId: 3 }, { do: "pass" });
        const failure = failureOf(
          ground.link.unary(Echo.method.unary, undefined, undefined, undefined, {
            name,
            payload: randomBytes(2 ** 22),
          }),
        );
        await begun.hit();
        ground.proxy.cut();
        expect(dispositionIn(await failure)).toBe("unsent");
        expect(ground.server.log.entries(name)).toEqual([]);
      });
    }
  });

  describe("a server that goes away", () => {
    it("finishes what it has accepted", async () => {
      await using ground = await proxied();
      await warm(ground);
      ground.proxy.when(
        { direction: "toServer", type: "HEADERS", connection: 1 },
        { do: "inject", bytes: goawayFrame(2 ** 31 - 1), other: true },
      );
      const stream = gather(ground.client.serverStream({ count: 200, sizeBytes: 1_000 }));
      expect((await stream).taken).toHaveLength(200);
      expect((await ground.client.unary({ payload: Buffer.of(1) })).payload[0]).toBe(1);
      await ground.proxy.connected(2);
    });

    if (capabilities.handOver) {
      it("costs no call, wherever its last stream lies", async () => {
        await using ground = await proxied();
        await warm(ground);
        const names = Array.from({ length: 30 }, newName);
        // What lies beyond the last stream reaches the server in this rig, which real ones do not look at; so nothing does.
        for (let streamId = 2 * 10 + 1; streamId <= 2 * names.length + 1; streamId += 2) {
          ground.proxy.when(
            { direction: "toServer", streamId, connection: 1, andLater: true },
            { do: "drop" },
          );
        }
        ground.proxy.when(
          { direction: "toServer", type: "HEADERS", connection: 1, nth: 10 },
          { do: "inject", bytes: goawayFrame(2 * 10 - 1), other: true },
        );
        const answers = await Promise.all(
          names.map((name, index) => ground.client.unary({ name, payload: Buffer.of(index) })),
        );
        expect(answers.map(({ payload }) => payload[0])).toEqual(names.map((_, index) => index));
        for (const name of names) expect(ground.server.log.entries(name)).toHaveLength(1);
      });

      it("costs no call when it refuses one", async () => {
        await using ground = await proxied();
        await warm(ground);
        const name = newName();
        ground.proxy.when(
          { direction: "toServer", streamId: 3, connection: 1, andLater: true },
          { do: "drop" },
        );
        ground.proxy.when(
          { direction: "toServer", type: "HEADERS", streamId: 3, connection: 1 },
          { do: "inject", bytes: rstStreamFrame(3, 7), other: true },
        );
        expect((await ground.client.unary({ name, payload: Buffer.of(1) })).payload[0]).toBe(1);
        expect(ground.server.log.entries(name)).toHaveLength(1);
      });
    }

    it.each([
      [2, [Code.Internal]],
      [8, [Code.Canceled]],
      [11, [Code.ResourceExhausted]],
    ])("by a reset with code %d fails one call and no other", async (code, expected) => {
      await using ground = await proxied();
      await warm(ground);
      const [name, other] = [newName(), newName()];
      ground.proxy.when(
        { direction: "toServer", type: "HEADERS", streamId: 3 },
        { do: "inject", bytes: rstStreamFrame(3, code), other: true },
      );
      const failure = failureOf(ground.client.unary({ name, wait: true }));
      const answer = ground.client.unary({ name: other, payload: Buffer.of(1) });
      const error = await failure;
      if (capabilities.resetCodes) expect(expected).toContain(error.code);
      if (dispositions) expect(dispositionIn(error)).toBe("unknown");
      expect((await answer).payload[0]).toBe(1);
      expect(ground.proxy.connections()).toBe(1);
    });
  });

  if (capabilities.queueing) {
    describe("a server's limit of streams", () => {
      it("makes further calls wait, and all are answered", async () => {
        await using ground = await own({ maxConcurrentStreams: 4 });
        await warm(ground);
        const names = Array.from({ length: 50 }, newName);
        const answers = await Promise.all(
          names.map((name, index) => ground.client.unary({ name, payload: Buffer.of(index) })),
        );
        expect(answers.map(({ payload }) => payload[0])).toEqual(names.map((_, index) => index));
      });

      it("makes them wait no longer than their deadline", async () => {
        await using ground = await own({ maxConcurrentStreams: 1 });
        await warm(ground);
        const name = newName();
        const controller = new AbortController();
        const stream = gather(
          ground.client.serverStream({ name, wait: true }, { signal: controller.signal }),
        );
        await ground.server.log.until(name, ({ received }) => received === 1);
        const late = newName();
        const error = await failureOf(ground.client.unary({ name: late }, { timeoutMs: 200 }));
        expect(error.code).toBe(Code.DeadlineExceeded);
        if (dispositions) expect(dispositionIn(error)).toBe("unsent");
        controller.abort();
        await stream;
        await ground.server.log.until(name, ({ over }) => over);
        expect(ground.server.log.entries(late)).toEqual([]);
      });
    });
  }

  if (capabilities.connectionEvents) {
    describe("a link", () => {
      it("tells of its states", async () => {
        await using ground = await proxied();
        const seen: string[] = [];
        ground.link.subscribe(({ state }) => seen.push(state));
        await warm(ground);
        expect(ground.link.state).toBe("ready");
        const idle = new Promise<unknown>((resolve) =>
          ground.link.subscribe(({ state, reason }) => state === "idle" && resolve(reason)),
        );
        ground.proxy.cut();
        expect(await idle).toBeInstanceOf(Error);
        await warm(ground);
        await ground.close();
        expect(seen).toEqual(["connecting", "ready", "idle", "connecting", "ready", "closed"]);
      });

      it("ends everything when it closes", async () => {
        await using ground = await direct();
        const name = newName();
        const failure = failureOf(ground.client.unary({ name, wait: true }));
        const stream = gather(ground.client.serverStream({ count: 1, wait: true }));
        await ground.server.log.until(name, ({ received }) => received === 1);
        await ground.link.close();
        expect((await failure).code).toBe(Code.Unavailable);
        expect((await stream).error).toMatchObject({ code: Code.Unavailable });
        await ground.server.log.until(name, ({ over }) => over);
        expect((await failureOf(ground.client.unary({}))).code).toBe(Code.Unavailable);
      });
    });
  }
}
