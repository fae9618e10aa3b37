import { getEventListeners } from "node:events";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { reset, status, unprocessed } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { never } from "../../test/fake-member.js";
import { callUnary } from "../call-unary.js";
import { outcomeOf } from "../errors/etcd-error.js";
import { KV, Maintenance, Watch } from "../gen/etcdserverpb/rpc_pb.js";
import { openServerStream } from "../server-stream.js";
import { callContext } from "./context.js";
import type { Logger } from "./logger.js";
import { elsewhere } from "./tried-endpoints.js";

const a = "http://a:2379";
const b = "http://b:2379";
const c = "http://c:2379";

describe("the deadline of a call", () => {
  it("covers the wait for a link", async () => {
    const cluster = new FakeCluster();
    cluster.onLink = (link) => {
      link.onDial = never;
    };
    await using connection = cluster.connect(a);
    const failed = caught(createClient(KV, connection.transport).put({}, { timeoutMs: 700 }));
    await cluster.clock.advance(699);
    expect(cluster.clock.timers.some((timer) => timer.keepAlive)).toBe(true);
    await cluster.clock.advance(1);
    expect(await failed).toMatchObject({ code: "DEADLINE", outcome: "not-applied", endpoint: a });
  });

  it("covers the answer: a write that was sent is then unknown", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect(a);
    const failed = caught(createClient(KV, connection.transport).put({}, { timeoutMs: 700 }));
    await cluster.clock.advance(700);
    expect(await failed).toMatchObject({ code: "DEADLINE", outcome: "unknown", endpoint: a });
  });

  it("covers all attempts together, each of which is told what is left", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw reset();
    };
    await using connection = cluster.connect(a, { retry: { waitMs: 300, jitter: 0 } });
    const failed = caught(createClient(KV, connection.transport).range({}, { timeoutMs: 1_000 }));
    await cluster.clock.advance(1_000);
    expect(cluster.calls.map((call) => call.timeoutMs)).toEqual([1_000, 700, 100]);
    expect(await failed).toMatchObject({ code: "DEADLINE", cause: { code: "UNAVAILABLE" } });
  });

  it("is 10 s unless the connection or the call says otherwise", async () => {
    const cluster = new FakeCluster();
    await using usual = cluster.connect(a);
    await createClient(KV, usual.transport).range({});
    await using patient = cluster.connect(a, { callTimeoutMs: 60_000 });
    await createClient(KV, patient.transport).range({});
    await createClient(KV, patient.transport).range({}, { timeoutMs: 5.2 });
    expect(cluster.calls.map((call) => call.timeoutMs)).toEqual([10_000, 60_000, 6]);
  });

  it("is none for a call that may wait for ever", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    await createClient(KV, connection.transport).range({}, { timeoutMs: Number.POSITIVE_INFINITY });
    expect(cluster.calls[0]?.timeoutMs).toBeUndefined();
  });

  it("further off than the header grpc-timeout can say is kept from here", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect(a);
    const timeoutMs = 200_000_000;
    const { signal } = new AbortController();
    const writing = caught(createClient(KV, connection.transport).put({}, { timeoutMs, signal }));
    const reading = caught(
      Array.fromAsync(createClient(Maintenance, connection.transport).snapshot({}, { timeoutMs, signal })),
    );
    await cluster.clock.advance(timeoutMs - 1);
    expect(cluster.calls.map((call) => [call.timeoutMs, call.signal?.aborted])).toEqual([
      [undefined, false],
      [undefined, false],
    ]);
    await cluster.clock.advance(1);
    expect(await writing).toMatchObject({ code: "DEADLINE", outcome: "unknown", endpoint: a });
    expect(await reading).toMatchObject({ code: "DEADLINE", endpoint: a });
    expect(cluster.clock.timers).toEqual([]);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("never ends a pause late", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw reset();
    };
    await using connection = cluster.connect(a, { retry: { waitMs: 5_000, jitter: 0 } });
    const failed = caught(createClient(KV, connection.transport).range({}, { timeoutMs: 100 }));
    await cluster.clock.advance(100);
    expect(await failed).toMatchObject({ code: "DEADLINE" });
    expect(cluster.clock.timers).toEqual([]);
  });
});

describe("the abort of a call", () => {
  // kv_test.go:TestKVGetCancel
  it("before it begins sends nothing, and leaves the connection as it was", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    const kv = createClient(KV, connection.transport);
    const reason = new Error("changed my mind");
    expect(await caught(kv.put({}, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(outcomeOf(reason)).toBe("not-applied");
    expect(cluster.calls).toHaveLength(0);
    await kv.put({});
  });

  it("after the request was sent leaves a write unknown", async () => {
    const cluster = new FakeCluster();
    cluster.answer = never;
    await using connection = cluster.connect(a);
    const kv = createClient(KV, connection.transport);
    const abort = new AbortController();
    const failed = caught(kv.put({}, { signal: abort.signal }));
    await cluster.clock.settle();
    const reason = new Error("changed my mind");
    abort.abort(reason);
    expect(await failed).toBe(reason);
    expect(outcomeOf(reason)).toBe("unknown");
    expect(cluster.calls[0]?.signal?.aborted).toBe(true);
  });

  it("during a pause wins over the next attempt, and what was unclear stays unclear", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw reset();
    };
    await using connection = cluster.connect(a, { retry: { waitMs: 1_000, jitter: 0 } });
    const abort = new AbortController();
    const context = callContext({ idempotent: true });
    const { transport } = connection;
    const failed = caught(transport.unary(KV.method.put, abort.signal, undefined, undefined, {}, context));
    await cluster.clock.settle();
    expect(cluster.calls).toHaveLength(1);
    const reason = new Error("changed my mind");
    abort.abort(reason);
    expect(await failed).toBe(reason);
    expect(outcomeOf(reason)).toBe("unknown");
    await cluster.clock.advance(10_000);
    expect(cluster.calls).toHaveLength(1);
  });

  it("rejects with whatever the reason is", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    const kv = createClient(KV, connection.transport);
    expect(await caught(kv.put({}, { signal: AbortSignal.abort("stop") }))).toBe("stop");
    expect(await caught(kv.put({}, { signal: AbortSignal.abort() }))).toMatchObject({ name: "AbortError" });
  });

  it("of a read says nothing of an outcome", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    const reason = new Error("changed my mind");
    await caught(createClient(KV, connection.transport).range({}, { signal: AbortSignal.abort(reason) }));
    expect(outcomeOf(reason)).toBeUndefined();
  });

  it("leaves no listener on a signal that outlives many calls, however they end", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b], {
      credentials: { username: "root", password: "x" },
      allowInsecureCredentials: true,
    });
    const { signal } = new AbortController();
    const kv = createClient(KV, connection.transport);
    await Promise.all(Array.from({ length: 50 }, () => kv.range({}, { signal })));
    let n = 0;
    cluster.answer = () => {
      if (n++ % 2 === 0) throw reset();
      throw status("etcdserver: no space", Code.ResourceExhausted);
    };
    const calls = Array.from({ length: 50 }, () => caught(kv.range({}, { signal })));
    await cluster.clock.advance(10_000);
    await Promise.all(calls);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    expect(cluster.clock.timers).toEqual([]);
  });
});

describe("what is known of a write after several attempts", () => {
  it("is unknown as soon as one of them left it unknown", async () => {
    const cluster = new FakeCluster();
    const failures = [reset(), status("etcdserver: key is not provided", Code.InvalidArgument)];
    cluster.answer = () => {
      throw failures.shift();
    };
    await using connection = cluster.connect([a, b]);
    const context = callContext({ idempotent: true });
    const error = await caught(
      connection.transport.unary(KV.method.put, undefined, undefined, undefined, {}, context),
    );
    expect(error).toMatchObject({ code: "EMPTY_KEY", outcome: "unknown" });
  });

  it("is not applied when none of them was looked at", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw unprocessed("refused");
    };
    await using connection = cluster.connect(a, { retry: { maxAttempts: 3 } });
    const failed = caught(createClient(KV, connection.transport).put({}));
    await cluster.clock.advance(1_000);
    expect(await failed).toMatchObject({ code: "UNAVAILABLE", outcome: "not-applied" });
    expect(cluster.calls).toHaveLength(3);
  });
});

describe("a call marked idempotent", () => {
  it("is sent again though it writes", async () => {
    const cluster = new FakeCluster();
    const failures = [reset(), status("etcdserver: leader changed", Code.Unavailable)];
    cluster.answer = () => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return {};
    };
    await using connection = cluster.connect([a, b]);
    const context = callContext({ idempotent: true });
    const answer = connection.transport.unary(KV.method.put, undefined, undefined, undefined, {}, context);
    await cluster.clock.advance(1_000);
    await answer;
    expect(cluster.count("Put")).toBe(3);
  });
});

describe("the metadata of a call", () => {
  // kv_test.go:TestKVPutWithRequireLeader
  it("asks for a leader where the call requires one, beside what the caller adds", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    const context = callContext({ requireLeader: true });
    await connection.transport.unary(KV.method.put, undefined, undefined, { tenant: "blue" }, {}, context);
    await connection.transport.unary(KV.method.put, undefined, undefined, undefined, {});
    const [first, second] = cluster.calls.map((call) => Object.fromEntries(call.headers));
    expect(first).toEqual({ "client-api-version": "3.7", hasleader: "true", tenant: "blue" });
    expect(second).toEqual({ "client-api-version": "3.7" });
  });

  it("is checked before anything is sent", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a);
    const kv = createClient(KV, connection.transport);
    const error = await caught(kv.put({}, { headers: { token: "hunter2" } }));
    expect(error).toBeInstanceOf(TypeError);
    expect(cluster.calls).toHaveLength(0);
  });
});

describe("a server that is not etcd", () => {
  const notFound = (): ConnectError => new ConnectError("HTTP 404", Code.Unimplemented);

  it("is passed over for one that is", async () => {
    const cluster = new FakeCluster();
    cluster.answer = ({ url }) => {
      if (url === a) throw notFound();
      return {};
    };
    await using connection = cluster.connect([a, b]);
    await connection.ready();
    await cluster.clock.settle();
    const kv = createClient(KV, connection.transport);
    for (let i = 0; i < 20; i++) await kv.range({});
    expect(cluster.route.filter((url) => url === a)).toHaveLength(1);
    expect(connection.states().get(a)).toBe("failed");
  });

  it("ends calls at once when there is no other", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw notFound();
    };
    await using connection = cluster.connect([a, b]);
    const kv = createClient(KV, connection.transport);
    const error = await caught(kv.range({}));
    expect(error).toMatchObject({ code: "PROTOCOL" });
    for (const url of [a, b]) expect(String(error)).toContain(`HTTP 404 (Range at ${url})`);
    expect(cluster.calls).toHaveLength(2);
    expect(await caught(kv.put({}))).toMatchObject({ code: "PROTOCOL", outcome: "not-applied" });
  });
});

describe("failed attempts", () => {
  // behaviours of etcd's client: pull requests 21380 and 21382
  it("are logged with method, endpoint and attempt", async () => {
    const cluster = new FakeCluster();
    let failures = 2;
    cluster.answer = () => {
      if (failures-- > 0) throw reset();
      return {};
    };
    const debug: unknown[] = [];
    const nothing = (): void => undefined;
    const logger: Logger = {
      debug: (message, details) => debug.push({ message, ...details }),
      info: nothing,
      warn: nothing,
      error: nothing,
    };
    await using connection = cluster.connect(a, { logger });
    const reading = createClient(KV, connection.transport).range({});
    await cluster.clock.advance(1_000);
    await reading;
    expect(debug).toMatchObject([
      {
        message: expect.stringContaining("read ECONNRESET"),
        method: "Range",
        endpoint: a,
        attempt: 1,
        code: "UNAVAILABLE",
      },
      { method: "Range", endpoint: a, attempt: 2, code: "UNAVAILABLE" },
    ]);
  });

  it("are not failed further by a logger that throws", async () => {
    const cluster = new FakeCluster();
    let failures = 1;
    cluster.answer = () => {
      if (failures-- > 0) throw reset();
      return {};
    };
    const fail = (): never => {
      throw new Error("disk full");
    };
    await using connection = cluster.connect([a, b], {
      logger: { debug: fail, info: fail, warn: fail, error: fail },
    });
    await createClient(KV, connection.transport).range({});
  });
});

describe("calls in search of another answer", () => {
  it.each(["round-robin", "pick-first"] as const)(
    "go to an endpoint that was not tried while there is one, and note where they go: %s",
    async (balancing) => {
      const cluster = new FakeCluster();
      await using connection = cluster.connect([a, b, c], { balancing });
      await connection.ready();
      await cluster.clock.settle();
      const tried = new Set<string>();
      const read = async (): Promise<void> => {
        await callUnary(connection.transport, KV.method.range, {}, elsewhere({ timeoutMs: 700 }, tried));
      };
      for (const size of [1, 2, 3]) {
        await read();
        expect(tried.size).toBe(size);
        // Others do not change that.
        await createClient(KV, connection.transport).range({});
      }
      expect([...tried].toSorted()).toEqual([a, b, c]);
      tried.delete(b);
      await read();
      expect(cluster.route.at(-1)).toBe(b);
      await read();
      // All were tried: it begins anew.
      expect([...tried]).toEqual([cluster.route.at(-1)]);
      expect(cluster.calls.at(-1)?.timeoutMs).toBe(700);
    },
  );

  it("pass over an endpoint that has just failed for one that was tried", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect([a, b, c], { balancing: "pick-first" });
    await connection.ready();
    await cluster.clock.settle();
    cluster.answer = ({ url }) => {
      if (url === c) throw reset();
      return {};
    };
    const tried = new Set([a, b]);
    await callUnary(connection.transport, KV.method.range, {}, elsewhere(undefined, tried));
    expect(cluster.route).toEqual([c, a]);
    expect([...tried]).toEqual([a]);
  });

  it("are streams as well", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => [{}];
    await using connection = cluster.connect([a, b], { balancing: "pick-first" });
    await connection.ready();
    await cluster.clock.settle();
    const tried = new Set<string>();
    for (let i = 0; i < 2; i++) {
      const { rangeStream } = KV.method;
      const stream = await openServerStream(
        connection.transport,
        rangeStream,
        {},
        elsewhere(undefined, tried),
      );
      await stream.next();
      await stream.end();
    }
    expect(cluster.route).toEqual([a, b]);
    expect([...tried]).toEqual([a, b]);
  });
});

describe("a stream that is to avoid an endpoint", () => {
  it.each(["round-robin", "pick-first"] as const)(
    "goes to another one where there is a choice: %s",
    async (balancing) => {
      const cluster = new FakeCluster();
      cluster.answer = () => [{}];
      await using connection = cluster.connect([a, b], { balancing });
      await connection.ready();
      await cluster.clock.settle();
      const { transport } = connection;
      const { watch } = Watch.method;
      async function* noRequests(): AsyncGenerator<object, void, undefined> {}
      for (const avoid of [a, a, b, b, a]) {
        const context = callContext(undefined, avoid);
        const { message } = await transport.stream(
          watch,
          undefined,
          undefined,
          undefined,
          noRequests(),
          context,
        );
        for await (const _ of message) break;
      }
      expect(cluster.route).toEqual([b, b, a, a, b]);
      connection.setEndpoints(a);
      const context = callContext(undefined, a);
      await transport.stream(watch, undefined, undefined, undefined, noRequests(), context);
      expect(cluster.route.at(-1)).toBe(a);
    },
  );
});
