import { Code, createClient } from "@connectrpc/connect";
import { EtcdError } from "@etcdkit/core";
import { Echo } from "@etcdkit/testing";
import { describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../../core/test/manual-clock.js";
import { FakeDirectory } from "../../test/fake-directory.js";
import { FakeEndpoint, unavailable } from "../../test/fake-endpoints.js";
import { createDirectoryTransport, type DirectoryTransportOptions } from "./directory-transport.js";

function balanced(options: Partial<DirectoryTransportOptions> = {}) {
  const directory = new FakeDirectory();
  const clock = new ManualClock();
  /** Every transport that was made, in order. */
  const made: FakeEndpoint[] = [];
  /** What is done to each as it is made. */
  const prepare = new Map<string, (endpoint: FakeEndpoint) => void>();
  const transport = createDirectoryTransport({
    directory,
    clock,
    createTransport(endpoint) {
      const fake = new FakeEndpoint(endpoint);
      prepare.get(endpoint.address)?.(fake);
      made.push(fake);
      return fake;
    },
    ...options,
  });
  const client = createClient(Echo, transport);
  const at = (address: string): FakeEndpoint => {
    const found = made.findLast(({ endpoint }) => endpoint.address === address);
    if (found === undefined) throw new Error(`no transport to ${address} was made`);
    return found;
  };
  const calls = () => Object.fromEntries(made.map(({ endpoint, calls: got }) => [endpoint.address, got]));
  return { directory, clock, made, prepare, transport, client, at, calls };
}

/** How a call fails. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call was to fail");
}

const times = async (count: number, call: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await call();
};

describe("a directory transport", () => {
  it("gives calls to all endpoints in turn", async () => {
    const { directory, client, calls } = balanced();
    directory.become("a:1", "b:1", "c:1");
    await times(30, () => client.unary({}));
    expect(calls()).toEqual({ "a:1": 10, "b:1": 10, "c:1": 10 });
  });

  it("gives every call to the first endpoint with pick-first, and stays with one that works", async () => {
    const { directory, client, calls, at } = balanced({ policy: "pick-first" });
    directory.become("b:1", "c:1");
    await times(5, () => client.unary({}));
    directory.become("a:1", "b:1", "c:1");
    await times(5, () => client.unary({}));
    expect(calls()).toEqual({ "b:1": 10 });
    at("b:1").onCall = () => Promise.reject(unavailable("unsent"));
    await times(5, () => client.unary({}));
    expect(calls()).toEqual({ "b:1": 11, "a:1": 5 });
    directory.become("c:1");
    await times(5, () => client.unary({}));
    expect(calls()).toEqual({ "b:1": 11, "a:1": 5, "c:1": 5 });
  });

  it("makes the transport to an endpoint for its first call, and keeps it while the endpoint says the same", async () => {
    const { directory, client, made } = balanced();
    directory.becomeThese(new Map([["svc/x", { address: "a:1", metadata: { zone: 1 } }]]));
    expect(made).toEqual([]);
    await client.unary({});
    directory.becomeThese(new Map([["svc/x", { address: "a:1", metadata: { zone: 1 } }]]));
    await client.unary({});
    expect(made.map(({ endpoint }) => endpoint)).toEqual([{ address: "a:1", metadata: { zone: 1 } }]);
    directory.becomeThese(new Map([["svc/x", { address: "a:1", metadata: { zone: 2 } }]]));
    await client.unary({});
    expect(made.map(({ closed, calls }) => [closed, calls])).toEqual([
      [true, 2],
      [false, 1],
    ]);
  });

  describe("while there is no endpoint", () => {
    it.each([["not read yet"], ["empty"]])("waits, where the directory is %s", async (how) => {
      const { directory, client, clock } = balanced();
      if (how === "empty") directory.become();
      const calling = Promise.all([client.unary({}), client.unary({})]);
      await clock.advance(9_000);
      directory.become("a:1");
      await calling;
      expect(clock.timers).toEqual([]);
      expect(directory.listeners.size).toBe(1);
    });

    it("waits no longer than waitTimeoutMs, and says why", async () => {
      const { directory, client, clock } = balanced({ waitTimeoutMs: 500 });
      const cause = new EtcdError("PERMISSION_DENIED", "not yours");
      directory.fail(cause);
      const unread = failure(client.unary({}));
      await clock.advance(500);
      expect(await unread).toMatchObject({
        code: Code.Unavailable,
        rawMessage: 'the endpoints of "svc" could not be read',
        cause,
      });
      directory.become();
      const empty = failure(client.unary({}));
      await clock.advance(500);
      expect(await empty).toMatchObject({ rawMessage: 'the endpoints of "svc" are none' });
      expect(clock.timers).toEqual([]);
      expect(directory.listeners.size).toBe(1);
    });

    it("waits no longer than the call may take", async () => {
      const { client, clock } = balanced();
      const late = failure(client.unary({}, { timeoutMs: 500 }));
      await clock.advance(500);
      expect(await late).toMatchObject({ code: Code.DeadlineExceeded });
    });

    it("waits no longer than the caller", async () => {
      const { client, clock, directory } = balanced();
      const reason = new Error("changed my mind");
      const controller = new AbortController();
      const aborted = failure(client.unary({}, { signal: controller.signal }));
      await clock.settle();
      controller.abort(reason);
      expect(await aborted).toBe(reason);
      expect(await failure(client.unary({}, { signal: controller.signal }))).toBe(reason);
      expect(clock.timers).toEqual([]);
      expect(directory.listeners.size).toBe(1);
    });

    it("waits on when the one that came has gone before it could be asked", async () => {
      const { directory, client, clock, calls } = balanced();
      const calling = client.unary({});
      await clock.settle();
      directory.become("a:1");
      directory.become();
      await clock.settle();
      directory.become("b:1");
      await calling;
      expect(calls()).toEqual({ "b:1": 1 });
    });

    it("does not wait for a directory that was closed", async () => {
      const { client, directory } = balanced();
      const cause = new EtcdError("CLOSED", "closed");
      const waiting = failure(client.unary({}));
      directory.fail(cause);
      expect(await waiting).toMatchObject({ code: Code.Unavailable, cause });
      expect(await failure(client.unary({}))).toMatchObject({ code: Code.Unavailable, cause });
    });
  });

  describe("when an endpoint cannot be reached", () => {
    it.each<[string, (endpoint: FakeEndpoint) => void]>([
      ["it cannot be dialled", (one) => (one.onDial = () => Promise.reject(new Error("refused")))],
      ["the call was not sent", (one) => (one.onCall = () => Promise.reject(unavailable("unsent")))],
      ["the call was refused unread", (one) => (one.onCall = () => Promise.reject(unavailable("refused")))],
      [
        "Node could not connect",
        (one) => {
          const cause = Object.assign(new Error("ECONNREFUSED"), { syscall: "connect" });
          one.onCall = () => Promise.reject(unavailable(undefined, cause));
        },
      ],
      [
        "Node could not connect to any address",
        (one) => {
          const cause = Object.assign(new Error("ECONNREFUSED"), { syscall: "connect" });
          one.onCall = () =>
            Promise.reject(unavailable(undefined, new AggregateError([cause, cause], "all failed")));
        },
      ],
    ])("sends the call to the next one: %s", async (_how, breakIt) => {
      const { directory, client, prepare, at } = balanced();
      prepare.set("a:1", breakIt);
      directory.become("a:1", "b:1");
      await client.unary({});
      expect(at("b:1").calls).toBe(1);
    });

    it.each<[string, () => unknown]>([
      ["an outcome that is unknown", () => unavailable("unknown")],
      ["a failure that says nothing", () => unavailable()],
      ["a link that broke", () => unavailable(undefined, Object.assign(new Error("x"), { syscall: "read" }))],
      [
        "an answer of the service",
        () => Object.assign(unavailable("unsent"), { code: Code.FailedPrecondition }),
      ],
      ["something else", () => new Error("no")],
    ])("repeats nothing after %s", async (_what, reason) => {
      const { directory, client, prepare, calls } = balanced();
      const error = reason();
      prepare.set("a:1", (one) => (one.onCall = () => Promise.reject(error)));
      directory.become("a:1", "b:1");
      expect(await failure(client.unary({}))).toBe(error);
      expect(calls()).toEqual({ "a:1": 1 });
    });

    it("tries each endpoint once, then tells of the last", async () => {
      const { directory, client, prepare, calls } = balanced();
      const errors = ["a:1", "b:1", "c:1"].map((address) => {
        const error = unavailable("unsent");
        prepare.set(address, (one) => (one.onCall = () => Promise.reject(error)));
        return error;
      });
      directory.become("a:1", "b:1", "c:1");
      expect(await failure(client.unary({}))).toMatchObject({
        code: Code.Unavailable,
        rawMessage: 'no endpoint of "svc" can be reached',
        cause: errors[2],
      });
      expect(calls()).toEqual({ "a:1": 1, "b:1": 1, "c:1": 1 });
    });

    it("leaves it for last for a while", async () => {
      const { directory, client, prepare, clock, at } = balanced();
      prepare.set("a:1", (one) => (one.onDial = () => Promise.reject(new Error("refused"))));
      directory.become("a:1", "b:1");
      await times(6, () => client.unary({}));
      expect([at("a:1").dials, at("b:1").calls]).toEqual([1, 6]);
      at("b:1").onCall = () => Promise.reject(unavailable("unsent"));
      await failure(client.unary({}));
      expect(at("a:1").dials).toBe(2);
      at("a:1").onDial = () => Promise.resolve();
      at("b:1").onCall = () => Promise.resolve();
      await clock.advance(30_000);
      await times(2, () => client.unary({}));
      expect(at("a:1").calls).toBe(1);
    });

    it("takes the failures of calls that waited for one dial as one", async () => {
      const { directory, client, prepare, clock, at } = balanced();
      prepare.set("a:1", (one) => (one.onDial = () => Promise.reject(new Error("refused"))));
      directory.become("a:1");
      await Promise.all(Array.from({ length: 20 }, () => failure(client.unary({}))));
      expect(at("a:1").dials).toBe(1);
      directory.become("a:1", "b:1");
      await clock.advance(1_000); // longer than the first rest, shorter than any other
      at("a:1").onDial = () => Promise.resolve();
      await times(2, () => client.unary({}));
      expect(at("a:1").calls).toBe(1);
    });

    it("leaves one out whose transport cannot be made", async () => {
      const { directory, client, prepare, at } = balanced();
      const cause = new TypeError("what is this address?");
      prepare.set("a:1", () => {
        throw cause;
      });
      directory.become("a:1", "b:1");
      await client.unary({});
      expect(at("b:1").calls).toBe(1);
      directory.become("a:1");
      expect(await failure(client.unary({}))).toMatchObject({ code: Code.Unavailable, cause });
    });

    it("gives up a dial after dialTimeoutMs", async () => {
      const { directory, client, prepare, clock, at } = balanced();
      let given: AbortSignal | undefined;
      prepare.set("a:1", (one) => {
        one.onDial = (signal) => {
          given = signal;
          return new Promise(() => undefined);
        };
      });
      directory.become("a:1", "b:1");
      const calling = client.unary({});
      await clock.advance(2_000);
      await calling;
      expect(given?.aborted).toBe(true);
      expect(at("b:1").calls).toBe(1);
      expect(clock.timers).toEqual([]);
    });

    it("counts the dials in the time of the call", async () => {
      const { directory, client, prepare, clock, at } = balanced();
      prepare.set("a:1", (one) => (one.onDial = () => new Promise(() => undefined)));
      prepare.set("b:1", (one) => (one.onDial = () => new Promise(() => undefined)));
      directory.become("a:1", "b:1");
      const late = failure(client.unary({}, { timeoutMs: 2_500 }));
      await clock.advance(2_500);
      expect(await late).toMatchObject({ code: Code.DeadlineExceeded });
      expect([at("a:1").calls, at("b:1").calls]).toEqual([0, 0]);
    });

    it("hands on what is left of the time of the call, in whole milliseconds", async () => {
      const { directory, client, prepare, clock, at } = balanced();
      prepare.set("a:1", (one) => (one.onDial = () => new Promise(() => undefined)));
      directory.become("a:1", "b:1");
      const calling = client.unary({}, { timeoutMs: 5_000.5 });
      await clock.advance(2_000);
      await calling;
      await client.unary({});
      await client.unary({}, { timeoutMs: 0 });
      expect(at("b:1").timeouts).toEqual([3_001, undefined, undefined]);
    });
  });

  it("dials once for all calls that wait, and none of them can end it for the others", async () => {
    const { directory, client, prepare, clock, at } = balanced();
    let connected = (): void => undefined;
    prepare.set("a:1", (one) => {
      one.onDial = () =>
        new Promise((resolve) => {
          connected = resolve;
        });
    });
    directory.become("a:1");
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const first = failure(client.unary({}, { signal: controller.signal }));
    const others = Promise.all([client.unary({}), client.unary({})]);
    await clock.settle();
    controller.abort(reason);
    expect(await first).toBe(reason);
    connected();
    await others;
    expect([at("a:1").dials, at("a:1").calls]).toEqual([1, 2]);
  });

  it("does not dial what is ready", async () => {
    const { directory, client, prepare, at } = balanced();
    prepare.set("a:1", (one) => (one.state = "ready"));
    directory.become("a:1");
    await client.unary({});
    expect(at("a:1").dials).toBe(0);
  });

  it("rejects with the reason of the caller's signal, not with what the transport makes of it", async () => {
    const { directory, client, prepare, clock } = balanced();
    prepare.set("a:1", (one) => {
      one.onCall = (signal) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(unavailable("unsent"))));
    });
    directory.become("a:1", "b:1");
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const aborted = failure(client.unary({}, { signal: controller.signal }));
    await clock.settle();
    controller.abort(reason);
    expect(await aborted).toBe(reason);
  });

  it("lets the calls at an endpoint that left the directory end, then closes it", async () => {
    const { directory, client, prepare, clock, at } = balanced();
    let answer = (): void => undefined;
    prepare.set("a:1", (one) => {
      one.onCall = () =>
        new Promise((resolve) => {
          answer = resolve;
        });
    });
    directory.become("a:1");
    const calling = client.unary({});
    await clock.settle();
    directory.become("b:1");
    await client.unary({});
    expect(at("a:1").closed).toBe(false);
    answer();
    await calling;
    expect(at("a:1").closed).toBe(true);
    expect(at("b:1").closed).toBe(false);
  });

  it("gives no call to an endpoint that left the directory while it was dialled", async () => {
    const { directory, client, prepare, clock, calls, at } = balanced();
    let connected = (): void => undefined;
    prepare.set("a:1", (one) => {
      one.onDial = () =>
        new Promise((resolve) => {
          connected = resolve;
        });
    });
    directory.become("a:1");
    const calling = client.unary({});
    await clock.settle();
    directory.become("b:1");
    connected();
    await calling;
    expect(calls()).toEqual({ "a:1": 0, "b:1": 1 });
    expect(at("a:1").closed).toBe(true);
  });

  describe("over streams", () => {
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
    let ended = (): void => undefined;
    at("a:1").onClose = () =>
      new Promise((resolve) => {
        ended = resolve;
      });
    const [one, two] = [vi.fn(), vi.fn()];
    const closing = [transport.close().then(one), transport.close().then(two)];
    await clock.settle();
    expect([one, two].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
    ended();
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

  it("takes transports that can neither be dialled nor closed, and drops those that fail to close", async () => {
    const directory = new FakeDirectory();
    const fakes: FakeEndpoint[] = [];
    const transport = createDirectoryTransport({
      directory,
      createTransport(endpoint) {
        const fake = new FakeEndpoint(endpoint);
        fakes.push(fake);
        const { unary, stream } = fake;
        switch (endpoint.address) {
          case "a:1":
            return { unary, stream };
          case "b:1":
            return { unary, stream, close: () => Promise.reject(new Error("no")) };
          default:
            return {
              unary,
              stream,
              close: () => {
                throw new Error("no");
              },
            };
        }
      },
    });
    directory.become("a:1", "b:1", "c:1");
    const client = createClient(Echo, transport);
    await times(3, () => client.unary({}));
    directory.become();
    await transport.close();
    expect(fakes.map(({ calls }) => calls)).toEqual([1, 1, 1]);
  });

  it("refuses bad options and names them", () => {
    const directory = new FakeDirectory();
    const create = (options?: unknown) => () =>
      createDirectoryTransport(options as DirectoryTransportOptions);
    for (const [options, message] of [
      [undefined, "directory must be a Directory"],
      [{}, "directory must be a Directory"],
      [{ directory: {} }, "directory must be a Directory"],
      [{ directory, policy: "random" }, 'policy must be one of "round-robin", "pick-first"'],
      [{ directory, createTransport: {} }, "createTransport must be a function"],
      [{ directory, waitTimeoutMs: 0 }, "waitTimeoutMs must be positive"],
      [{ directory, dialTimeoutMs: "1" }, "dialTimeoutMs must be a number"],
      [{ directory, clock: {} }, "clock must be a Clock"],
      [{ directory, retries: 1 }, 'unknown option "retries" of createDirectoryTransport'],
    ] as const) {
      expect(create(options)).toThrow(message);
    }
  });
});
