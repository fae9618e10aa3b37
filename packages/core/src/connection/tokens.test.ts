import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { errno, reset, status } from "../../test/failures.js";
import { FakeCluster } from "../../test/fake-cluster.js";
import type { SentCall } from "../../test/fake-member.js";
import { EtcdError } from "../errors/etcd-error.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import type { Credentials } from "./credentials.js";
import { Tokens } from "./tokens.js";

const a = "http://localhost:1";
const b = "http://localhost:2";
const user: Credentials = { username: "root", password: "hunter2" };

const invalidToken = () => status("etcdserver: invalid auth token", Code.Unauthenticated);
const oldRevision = () => status("etcdserver: revision of auth store is old", Code.InvalidArgument);
const userEmpty = () => status("etcdserver: user name is empty", Code.InvalidArgument);
const authNotEnabled = () => status("etcdserver: authentication is not enabled", Code.FailedPrecondition);
const permissionDenied = () => status("etcdserver: permission denied", Code.PermissionDenied);

/** A cluster with authentication: gives out the tokens t1, t2, … and takes only the last one. */
class AuthCluster extends FakeCluster {
  /** What a call with another token is refused with. */
  refusal: () => Error = invalidToken;
  /** How many tokens were given out. */
  issued = 0;
  /** The token that is good now. */
  valid: string | undefined;
  /** What a call with a good token gets. */
  serve: (call: SentCall) => unknown = () => ({});

  constructor() {
    super();
    this.answer = (call) => {
      if (call.method === "Authenticate") return { token: this.issue() };
      if (call.headers.get("token") !== (this.valid ?? null)) throw this.refusal();
      return this.serve(call);
    };
  }

  issue(): string {
    this.valid = `t${++this.issued}`;
    return this.valid;
  }

  /** The tokens that calls of a method carried. */
  tokens(method: string): readonly (string | null)[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.headers.get("token"));
  }
}

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

describe("a token that is refused", () => {
  /** A connection that has logged in, whose token is then no longer good. */
  async function expired(credentials: Credentials = user) {
    const cluster = new AuthCluster();
    const connection = cluster.connect([a, b], { credentials });
    const kv = createClient(KV, connection.transport);
    await kv.range({});
    cluster.valid = "another";
    cluster.calls.length = 0;
    return { cluster, connection, kv };
  }

  // common/auth_test.go:TestAuthJWTExpire
  it.each([
    ["INVALID_AUTH_TOKEN", invalidToken],
    ["AUTH_OLD_REVISION", oldRevision],
    ["USER_EMPTY", userEmpty],
  ])("is renewed and the call sent again, writes too: %s", async (_, refusal) => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.refusal = refusal;
    await kv.put({});
    expect(cluster.tokens("Put")).toEqual(["t1", "t2"]);
    expect(cluster.count("Authenticate")).toBe(1);
  });

  it("is renewed once for fifty calls, which carry the old one until the new is there", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    await Promise.all(Array.from({ length: 50 }, () => kv.put({})));
    expect(cluster.count("Authenticate")).toBe(1);
    expect(cluster.tokens("Put")).toEqual([...Array(50).fill("t1"), ...Array(50).fill("t2")]);
  });

  it("is not renewed again when another call has renewed it meanwhile", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    let late = (): void => undefined;
    const { answer } = cluster;
    let held = false;
    cluster.answer = async (call) => {
      if (call.method === "Put" && !held) {
        held = true;
        await new Promise<void>((resolve) => (late = resolve));
        throw invalidToken();
      }
      return answer(call);
    };
    const slow = kv.put({});
    await cluster.clock.settle();
    await kv.range({});
    expect(cluster.issued).toBe(2);
    late();
    await slow;
    expect(cluster.tokens("Put")).toEqual(["t1", "t2"]);
    expect(cluster.issued).toBe(2);
  });

  // common/auth_test.go:TestAuthDisable, TestAuthGracefulDisable
  it("is dropped when authentication was disabled meanwhile", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.valid = undefined;
    const { answer } = cluster;
    cluster.answer = (call) => {
      if (call.method === "Authenticate") throw authNotEnabled();
      return answer(call);
    };
    await kv.put({});
    expect(cluster.tokens("Put")).toEqual(["t1", null]);
    await kv.put({});
    expect(cluster.count("Authenticate")).toBe(1);
  });

  // common/auth_test.go:TestAuthUserDeleteDuringOps
  it("surfaces what the new log-in is refused with", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    const { answer } = cluster;
    cluster.answer = (call) => {
      if (call.method === "Authenticate") {
        throw status("etcdserver: authentication failed, invalid user ID or password", Code.InvalidArgument);
      }
      return answer(call);
    };
    expect(await caught(kv.put({}))).toMatchObject({ code: "AUTH_FAILED", outcome: "not-applied" });
  });

  it("is not renewed for ever", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.serve = () => {
      throw invalidToken();
    };
    expect(await caught(kv.put({}))).toMatchObject({ code: "INVALID_AUTH_TOKEN", outcome: "not-applied" });
    expect(cluster.count("Authenticate")).toBeLessThanOrEqual(21);
  });

  it("is not what PERMISSION_DENIED means, for calls with one answer", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.refusal = permissionDenied;
    expect(await caught(kv.put({}))).toMatchObject({ code: "PERMISSION_DENIED", outcome: "not-applied" });
    expect(cluster.count("Authenticate")).toBe(0);
    expect(cluster.count("Put")).toBe(1);
  });

  // client/v3/client_test.go:TestAuthTokenBundleNoOverwrite
  it("is the one of the whole connection: calls to one member renew it for all", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    const pinned = createClient(KV, connection.endpoint("http://localhost:3"));
    await pinned.range({});
    await kv.range({});
    expect(cluster.tokens("Range")).toEqual(["t1", "t2", "t2"]);
    expect(cluster.count("Authenticate")).toBe(1);
  });
});

// client/v3/retry_interceptor_test.go:TestClientShouldRefreshToken
describe("whether a refusal is answered with a new token", () => {
  const refused = (code: EtcdError["code"]): EtcdError => new EtcdError(code, "no");
  const never = (): Promise<never> => Promise.reject(new Error("not asked for"));

  /** Tokens as a connection has them once it is logged in. */
  async function loggedIn(credentials: Credentials | undefined): Promise<Tokens> {
    const tokens = new Tokens(
      credentials,
      () => Promise.resolve("t1"),
      () => undefined,
    );
    await tokens.fetch();
    return tokens;
  }

  const fromFunction: Credentials = { token: () => Promise.resolve("ey.1") };

  it.each([
    ["a static token", "INVALID_AUTH_TOKEN", "final", { token: "ey.jwt" }],
    ["a static token", "AUTH_OLD_REVISION", "final", { token: "ey.jwt" }],
    ["a static token", "USER_EMPTY", "final", { token: "ey.jwt" }],
    ["a user", "USER_EMPTY", "renew", user],
    ["a user", "INVALID_AUTH_TOKEN", "renew", user],
    ["a user", "AUTH_OLD_REVISION", "renew", user],
    ["a user", "AUTH_FAILED", "final", user],
    ["a user", "PERMISSION_DENIED", "final", user],
    ["nobody", "USER_EMPTY", "final", undefined],
    ["nobody", "INVALID_AUTH_TOKEN", "final", undefined],
    // A client certificate may be the identity: there is nothing to renew, and the next try sees the new revision.
    ["nobody", "AUTH_OLD_REVISION", "again", undefined],
    ["a token from a function", "INVALID_AUTH_TOKEN", "renew", fromFunction],
    ["a token from a function", "AUTH_OLD_REVISION", "renew", fromFunction],
  ] as const)("of %s: %s means %s", async (_, code, expected, credentials) => {
    const tokens = await loggedIn(credentials);
    expect(tokens.afterRefusal(refused(code), tokens.current)).toBe(expected);
  });

  it("tries again at once where the refused call carried an older one", async () => {
    const tokens = await loggedIn(user);
    expect(tokens.afterRefusal(refused("INVALID_AUTH_TOKEN"), "t0")).toBe("again");
    expect(tokens.afterRefusal(refused("INVALID_AUTH_TOKEN"), undefined)).toBe("again");
  });

  it("needs no log-in without credentials", () => {
    const tokens = new Tokens(undefined, never, () => undefined);
    expect(tokens.ready).toBe(true);
    expect(tokens.current).toBeUndefined();
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
      () => Promise.resolve("t1"),
      () => undefined,
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
