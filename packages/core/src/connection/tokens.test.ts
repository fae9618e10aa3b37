import { Code, createClient } from "@connectrpc/connect";
import { systemClock } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { AuthCluster } from "../../test/auth-cluster.js";
import { caught } from "../../test/caught.js";
import { authNotEnabled, errno, reset, status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import { collectGarbage } from "../../test/garbage.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import type { Credentials } from "./credentials.js";
import { Tokens } from "./tokens.js";

const a = "http://localhost:1";
const b = "http://localhost:2";
const user: Credentials = { username: "root", password: "hunter2" };

describe("logging in", () => {
  it("happens once for fifty calls that wait for it", async () => {
    const cluster = new AuthCluster();
    await using connection = cluster.connect([a, b], { credentials: user });
    const kv = createClient(KV, connection.transport);
    await Promise.all(Array.from({ length: 50 }, () => kv.range({})));
    expect(cluster.count("Authenticate")).toBe(1);
    expect(cluster.tokens("Range")).toEqual(Array(50).fill("t1"));
  });

  it("sends name and password, and no token", async () => {
    const cluster = new AuthCluster();
    await using connection = cluster.connect(a, { credentials: user });
    await connection.ready();
    const [login] = cluster.calls;
    expect(login?.request).toMatchObject({ name: "root", password: "hunter2" });
    expect(login?.headers.has("token")).toBe(false);
    expect(login?.headers.get("client-api-version")).toBe("3.7");
  });

  it("tells readers of events", async () => {
    const cluster = new AuthCluster();
    await using connection = cluster.connect(a, { credentials: user });
    const events = connection.events();
    await connection.ready();
    await connection.close();
    expect(await Array.fromAsync(events)).toContainEqual({ type: "logged-in", authEnabled: true });
  });

  // user_test.go:TestUserErrorAuth
  it("rejects every call with AUTH_FAILED for a wrong password; nothing was written", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw status("etcdserver: authentication failed, invalid user ID or password", Code.InvalidArgument);
    };
    await using connection = cluster.connect(a, { credentials: user });
    const kv = createClient(KV, connection.transport);
    expect(await caught(connection.ready())).toMatchObject({ code: "AUTH_FAILED" });
    expect(await caught(kv.put({}))).toMatchObject({ code: "AUTH_FAILED", outcome: "not-applied" });
    expect(cluster.count("Put")).toBe(0);
  });

  // user_test.go:TestGetTokenWithoutAuth
  it("is nothing to worry about where the cluster wants none", async () => {
    const cluster = new FakeCluster();
    cluster.answer = (call) => {
      if (call.method === "Authenticate") throw authNotEnabled();
      return {};
    };
    await using connection = cluster.connect(a, { credentials: user });
    const events = connection.events();
    const kv = createClient(KV, connection.transport);
    await kv.range({});
    await kv.range({});
    expect(cluster.count("Authenticate")).toBe(1);
    expect(cluster.calls.map((call) => call.headers.has("token"))).toEqual([false, false, false]);
    await connection.close();
    expect(await Array.fromAsync(events)).toContainEqual({ type: "logged-in", authEnabled: false });
  });

  it("is tried again while the call has time when no member could answer", async () => {
    const cluster = new AuthCluster();
    const { answer } = cluster;
    let failures = 5;
    cluster.answer = (call) => {
      if (call.method === "Authenticate" && failures-- > 0) throw reset();
      return answer(call);
    };
    await using connection = cluster.connect(a, { credentials: user });
    const reading = createClient(KV, connection.transport).range({});
    await cluster.clock.advance(9_000);
    await reading;
    expect(cluster.count("Authenticate")).toBe(6);
  });

  it("counts for the deadline of the call", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => {
      throw reset();
    };
    await using connection = cluster.connect(a, { credentials: user });
    const failed = caught(createClient(KV, connection.transport).put({}, { timeoutMs: 1_000 }));
    await cluster.clock.advance(1_000);
    expect(await failed).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
    expect(cluster.count("Put")).toBe(0);
  });

  it("that one call gives up goes on for the others", async () => {
    const cluster = new AuthCluster();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { answer } = cluster;
    cluster.answer = async (call) => {
      if (call.method === "Authenticate") await gate;
      return answer(call);
    };
    await using connection = cluster.connect(a, { credentials: user });
    const kv = createClient(KV, connection.transport);
    const abort = new AbortController();
    const given = caught(kv.range({}, { signal: abort.signal }));
    const other = kv.range({});
    await cluster.clock.settle();
    abort.abort(new Error("enough"));
    expect(await given).toBe(abort.signal.reason);
    open();
    await other;
    expect(cluster.count("Authenticate")).toBe(1);
  });
});

describe("a ready token", () => {
  // client/v3/client_test.go:TestNewWithOnlyJWT; common/auth_test.go:TestAuthJWTOnly
  it("is sent as it is, and nobody logs in", async () => {
    const cluster = new FakeCluster();
    await using connection = cluster.connect(a, { credentials: { token: "ey.jwt" } });
    await createClient(KV, connection.transport).put({});
    expect(cluster.calls.map((call) => [call.method, call.headers.get("token")])).toEqual([
      ["Put", "ey.jwt"],
    ]);
  });

  it("is not sent again when it is refused", async () => {
    const cluster = new AuthCluster();
    await using connection = cluster.connect(a, { credentials: { token: "ey.jwt" } });
    const error = await caught(createClient(KV, connection.transport).put({}));
    expect(error).toMatchObject({ code: "INVALID_AUTH_TOKEN", outcome: "not-applied" });
    expect(cluster.calls).toHaveLength(1);
  });

  it("may come from a function, which is asked again when it is refused", async () => {
    const cluster = new AuthCluster();
    let asked = 0;
    const token = async (): Promise<string> => {
      asked++;
      return cluster.issue();
    };
    await using connection = cluster.connect(a, { credentials: { token } });
    const kv = createClient(KV, connection.transport);
    await Promise.all([kv.put({}), kv.put({}), kv.put({})]);
    expect(asked).toBe(1);
    await cluster.clock.advance(1_000); // the token is no longer new
    cluster.valid = "another";
    await kv.put({});
    expect(asked).toBe(2);
    expect(cluster.count("Authenticate")).toBe(0);
  });

  it("from a function that fails is asked for again while the call has time", async () => {
    const cluster = new AuthCluster();
    let asked = 0;
    const token = async (): Promise<string> => {
      if (++asked < 3) throw errno("ECONNREFUSED");
      return cluster.issue();
    };
    await using connection = cluster.connect(a, { credentials: { token } });
    const writing = createClient(KV, connection.transport).put({});
    await cluster.clock.advance(5_000);
    await writing;
    expect(asked).toBe(3);
  });

  it("from a function that is slow is waited for by call after call, and taken when it comes", async () => {
    const cluster = new AuthCluster();
    let asked = 0;
    let give = (_: string): void => undefined;
    const token = (): Promise<string> => {
      asked++;
      return new Promise((resolve) => (give = resolve));
    };
    await using connection = cluster.connect(a, { credentials: { token } });
    const kv = createClient(KV, connection.transport);
    for (let round = 0; round < 3; round++) {
      const failure = caught(kv.put({}));
      await cluster.clock.advance(10_000);
      expect(await failure).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
      expect(String(await failure)).toContain("waiting for the function given as `credentials.token`");
    }
    give(cluster.issue());
    await kv.put({});
    expect([asked, cluster.count("Put")]).toEqual([1, 1]);
  });

  it("that never comes keeps nothing of the calls that waited for it", async () => {
    const cluster = new AuthCluster();
    const never = new Promise<string>(() => undefined);
    await using connection = cluster.connect(a, { credentials: { token: () => never } });
    const kv = createClient(KV, connection.transport);
    const giveUp = async (): Promise<readonly WeakRef<AbortSignal>[]> => {
      const calls = Array.from({ length: 20 }, () => {
        const abort = new AbortController();
        return { abort, failure: caught(kv.put({}, { signal: abort.signal })) };
      });
      await cluster.clock.settle();
      for (const { abort } of calls) abort.abort();
      await Promise.all(calls.map(({ failure }) => failure));
      return calls.map(({ abort }) => new WeakRef(abort.signal));
    };
    const signals = await giveUp();
    await cluster.clock.advance(10_000);
    collectGarbage();
    expect(signals.filter((signal) => signal.deref() !== undefined).length).toBeLessThan(2);
  });

  it("from a function that fails when nobody waits any more is asked for again", async () => {
    const cluster = new AuthCluster();
    let asked = 0;
    let fail = (): void => undefined;
    const token = (): Promise<string> => {
      if (++asked > 1) return Promise.resolve(cluster.issue());
      return new Promise((_, reject) => (fail = () => reject(errno("ECONNREFUSED"))));
    };
    await using connection = cluster.connect(a, { credentials: { token } });
    const kv = createClient(KV, connection.transport);
    const failure = caught(kv.put({}, { timeoutMs: 1_000 }));
    await cluster.clock.advance(10_000);
    expect(await failure).toMatchObject({ code: "DEADLINE" });
    fail();
    await cluster.clock.settle();
    await kv.put({});
    expect(asked).toBe(2);
  });

  it("from a function that never answers holds up no closing", async () => {
    const cluster = new AuthCluster();
    const token = (): Promise<string> => new Promise(() => undefined);
    const connection = cluster.connect(a, { credentials: { token } });
    const waiting = caught(connection.ready());
    await cluster.clock.settle();
    await connection.close();
    expect(await waiting).toMatchObject({ code: "CLOSED" });
    expect(cluster.clock.timers).toEqual([]);
  });

  it("from a function must be one that a header can carry", async () => {
    const cluster = new FakeCluster();
    const token = async (): Promise<string> => "hunter2\r\nevil: yes";
    await using connection = cluster.connect(a, { credentials: { token } });
    const error = await caught(createClient(KV, connection.transport).put({}));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).not.toContain("hunter2");
    expect(cluster.calls).toHaveLength(0);
  });
});

describe("closing", () => {
  it("forgets the token", async () => {
    const tokens = new Tokens(
      user,
      { authenticate: () => Promise.resolve("t1"), delay: { what: "the log-in" } },
      () => undefined,
      { clock: systemClock, timeoutMs: 1_000, signal: new AbortController().signal },
    );
    await tokens.fetch();
    tokens.clear();
    expect(tokens.current).toBeUndefined();
  });

  it("ends a log-in under way", async () => {
    const cluster = new FakeCluster();
    cluster.answer = () => new Promise(() => undefined);
    const connection = cluster.connect(a, { credentials: user });
    const waiting = caught(connection.ready());
    await cluster.clock.settle();
    await connection.close();
    expect(await waiting).toMatchObject({ code: "CLOSED" });
    expect(cluster.clock.timers).toEqual([]);
  });
});
