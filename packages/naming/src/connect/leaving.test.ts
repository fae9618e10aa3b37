import { Code } from "@connectrpc/connect";
import { Echo } from "@etcdkit/testing";
import { describe, expect, it, vi } from "vitest";
import { balanced, failure, moment } from "../../test/balanced.js";
import { unavailable } from "../../test/fake-endpoints.js";

describe("a directory transport, when endpoints leave it or it is closed,", () => {
  it("lets the calls at an endpoint that left the directory end, then closes it", async () => {
    const { directory, client, prepare, clock, at } = balanced();
    const answer = moment();
    prepare.set("a:1", (one) => (one.onCall = () => answer.promise));
    directory.become("a:1");
    const calling = client.unary({});
    await clock.settle();
    directory.become("b:1");
    await client.unary({});
    expect(at("a:1").closed).toBe(false);
    answer.come();
    await calling;
    expect(at("a:1").closed).toBe(true);
    expect(at("b:1").closed).toBe(false);
  });

  it("gives no call to an endpoint that left the directory while it was dialled", async () => {
    const { directory, client, prepare, clock, calls, at } = balanced();
    const connected = moment();
    prepare.set("a:1", (one) => (one.onDial = () => connected.promise));
    directory.become("a:1");
    const calling = client.unary({});
    await clock.settle();
    directory.become("b:1");
    connected.come();
    await calling;
    expect(calls()).toEqual({ "a:1": 0, "b:1": 1 });
    expect(at("a:1").closed).toBe(true);
  });

  it("closes what left the directory too, where calls are under way, when it is closed", async () => {
    const { directory, client, transport, prepare, clock, at } = balanced();
    prepare.set("a:1", (one) => {
      one.onCall = () => new Promise(() => undefined);
    });
    directory.become("a:1");
    void client.unary({});
    await clock.settle();
    directory.become();
    expect(at("a:1").closed).toBe(false);
    await transport.close();
    expect(at("a:1").closed).toBe(true);
  });

  it("is closed once the links are", async () => {
    const { directory, client, transport, clock, at } = balanced();
    directory.become("a:1");
    await client.unary({});
    const ended = moment();
    at("a:1").onClose = () => ended.promise;
    const [one, two] = [vi.fn(), vi.fn()];
    const closing = [transport.close().then(one), transport.close().then(two)];
    await clock.settle();
    expect([one, two].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    ended.come();
    await Promise.all(closing);
  });

  it("closes everything when it is closed, and refuses calls from then on", async () => {
    const { directory, client, transport, clock, prepare, made } = balanced();
    prepare.set("b:1", (one) => {
      one.onDial = (signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    directory.become("a:1", "b:1");
    await client.unary({});
    const dialling = failure(client.unary({}));
    await clock.settle();
    await transport[Symbol.asyncDispose]();
    await transport.close();
    const refusal = { code: Code.Unavailable, rawMessage: "the transport was closed" };
    expect(await dialling).toMatchObject(refusal);
    expect(await failure(client.unary({}))).toMatchObject(refusal);
    expect(made.every(({ closed }) => closed)).toBe(true);
    expect(directory.listeners.size).toBe(0);
    expect(clock.timers).toEqual([]);
    directory.become("c:1");
    expect(made).toHaveLength(2);

    const other = balanced();
    const waiting = failure(other.client.unary({}));
    await other.clock.settle();
    await other.transport.close();
    expect(await waiting).toMatchObject(refusal);
    expect(other.clock.timers).toEqual([]);
  });
});

describe("a stream over a directory transport", () => {
  const endless = async function* (): AsyncGenerator<never> {
    yield {} as never;
    await new Promise(() => undefined);
  };

  it("dials the next endpoint when one cannot be dialled", async () => {
    const { directory, client, prepare, at } = balanced();
    prepare.set("a:1", (one) => (one.onDial = () => Promise.reject(new Error("refused"))));
    directory.become("a:1", "b:1");
    for await (const _ of client.serverStream({})) throw new Error("there are no messages");
    expect(at("b:1").calls).toBe(1);
  });

  it("repeats nothing that was handed to an endpoint: its requests may have been taken", async () => {
    const { directory, client, prepare, calls } = balanced();
    const error = unavailable("unsent");
    prepare.set("a:1", (one) => (one.onCall = () => Promise.reject(error)));
    directory.become("a:1", "b:1");
    expect(await failure(client.serverStream({})[Symbol.asyncIterator]().next())).toBe(error);
    expect(calls()).toEqual({ "a:1": 1 });
  });

  it.each<[string, (messages: AsyncIterator<unknown>, abort: () => void) => Promise<unknown>]>([
    ["was read to its end", (messages) => messages.next()],
    ["was left", async (messages) => await messages.return?.()],
    ["was aborted", async (_messages, abort) => abort()],
  ])("closes an endpoint that left the directory once its stream %s", async (how, end) => {
    const { directory, transport, prepare, at } = balanced();
    const ends = how === "was read to its end";
    prepare.set("a:1", (one) => {
      one.messages = async function* () {
        yield {} as never;
        if (!ends) yield* endless();
      };
    });
    directory.become("a:1");
    const controller = new AbortController();
    const { message } = await transport.stream(
      Echo.method.serverStream,
      controller.signal,
      undefined,
      undefined,
      (async function* () {})(),
    );
    const messages = message[Symbol.asyncIterator]();
    await messages.next();
    directory.become("b:1");
    expect(at("a:1").closed).toBe(false);
    await end(messages, () => controller.abort());
    expect(at("a:1").closed).toBe(true);
  });

  it("end with the reason of the caller's signal, whatever the transport makes of it", async () => {
    const { directory, client, prepare } = balanced();
    let fail = (): void => undefined;
    prepare.set("a:1", (one) => {
      one.messages = async function* () {
        yield {} as never;
        await new Promise((_, reject) => {
          fail = () => reject(unavailable("unknown"));
        });
      };
    });
    directory.become("a:1");
    const controller = new AbortController();
    const messages = client.serverStream({}, { signal: controller.signal })[Symbol.asyncIterator]();
    await messages.next();
    const next = failure(messages.next());
    const reason = new Error("changed my mind");
    controller.abort(reason);
    fail();
    expect(await next).toBe(reason);
  });

  it("closes an endpoint that left the directory once its stream failed", async () => {
    const { directory, client, prepare, at } = balanced();
    const error = unavailable("unknown");
    let fail = (): void => undefined;
    prepare.set("a:1", (one) => {
      one.messages = async function* () {
        yield {} as never;
        await new Promise((_, reject) => {
          fail = () => reject(error);
        });
      };
    });
    directory.become("a:1");
    const messages = client.serverStream({})[Symbol.asyncIterator]();
    await messages.next();
    const failed = failure(messages.next());
    await vi.waitFor(() => expect(at("a:1").calls).toBe(1));
    directory.become();
    fail();
    expect(await failed).toBe(error);
    expect(at("a:1").closed).toBe(true);
  });
});
