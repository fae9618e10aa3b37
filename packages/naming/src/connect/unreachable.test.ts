import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { balanced, failure, times } from "../../test/balanced.js";
import { type FakeEndpoint, unavailable } from "../../test/fake-endpoints.js";

describe("a directory transport, when an endpoint cannot be reached,", () => {
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
