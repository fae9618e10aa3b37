import { Code, createClient } from "@connectrpc/connect";
import { EtcdError } from "@etcdkit/core";
import { Echo } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { balanced, failure, moment, times } from "../../test/balanced.js";
import { FakeDirectory } from "../../test/fake-directory.js";
import { FakeEndpoint, unavailable } from "../../test/fake-endpoints.js";
import { createDirectoryTransport, type DirectoryTransportOptions } from "./directory-transport.js";

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

  it("dials once for all calls that wait, and none of them can end it for the others", async () => {
    const { directory, client, prepare, clock, at } = balanced();
    const connected = moment();
    prepare.set("a:1", (one) => (one.onDial = () => connected.promise));
    directory.become("a:1");
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const first = failure(client.unary({}, { signal: controller.signal }));
    const others = Promise.all([client.unary({}), client.unary({})]);
    await clock.settle();
    controller.abort(reason);
    expect(await first).toBe(reason);
    connected.come();
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
