import { Code, createClient } from "@connectrpc/connect";
import { type Clock, systemClock } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { AuthCluster } from "../../test/auth-cluster.js";
import { caught } from "../../test/caught.js";
import {
  authNotEnabled,
  invalidToken,
  oldRevision,
  permissionDenied,
  status,
  userEmpty,
} from "../../test/failures.js";
import { EtcdError } from "../errors/etcd-error.js";
import { KV } from "../gen/etcdserverpb/rpc_pb.js";
import type { Credentials } from "./credentials.js";
import type { Effort } from "./token-provider.js";
import { Tokens } from "./tokens.js";

const a = "http://localhost:1";
const b = "http://localhost:2";
const user: Credentials = { username: "root", password: "hunter2" };

describe("a token that is refused", () => {
  /** A connection that has logged in, whose token is then no longer good. */
  async function expired(credentials: Credentials = user) {
    const cluster = new AuthCluster();
    const connection = cluster.connect([a, b], { credentials });
    const kv = createClient(KV, connection.transport);
    await kv.range({});
    await cluster.clock.advance(1_000);
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

  it.each([
    ["INVALID_AUTH_TOKEN", invalidToken],
    ["USER_EMPTY", userEmpty],
  ])("is renewed once for a call, and the new one offered five times more: %s", async (code, refusal) => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.serve = () => {
      throw refusal();
    };
    const failed = caught(kv.put({}));
    await cluster.clock.advance(2_000);
    expect(await failed).toMatchObject({ code, outcome: "not-applied" });
    expect(cluster.tokens("Put")).toEqual(["t1", ...Array(6).fill("t2")]);
    expect(cluster.count("Authenticate")).toBe(1);
  });

  it("is not renewed when it has only just been fetched: the member has not heard of it yet", async () => {
    const cluster = new AuthCluster();
    let behind = 3;
    cluster.serve = () => {
      if (behind-- > 0) throw invalidToken();
      return {};
    };
    await using connection = cluster.connect([a, b], { credentials: user });
    const writing = createClient(KV, connection.transport).put({});
    await cluster.clock.advance(2_000);
    await writing;
    expect(cluster.tokens("Put")).toEqual(Array(4).fill("t1"));
    expect(cluster.count("Authenticate")).toBe(1);
  });

  it("is taken in the end by a member that had not heard of it yet", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    let behind = 3;
    cluster.serve = () => {
      if (behind-- > 0) throw invalidToken();
      return {};
    };
    const writing = kv.put({});
    await cluster.clock.advance(2_000);
    await writing;
    expect(cluster.count("Authenticate")).toBe(1);
  });

  it("is renewed once by a call whose own token, fetched for it, is refused however often it is offered", async () => {
    const cluster = new AuthCluster();
    cluster.serve = () => {
      throw invalidToken();
    };
    await using connection = cluster.connect(a, { credentials: user });
    const failed = caught(createClient(KV, connection.transport).put({}));
    await cluster.clock.advance(2_000);
    expect(await failed).toMatchObject({ code: "INVALID_AUTH_TOKEN", outcome: "not-applied" });
    // How soon the pauses between add up to more than a token is new for is a matter of chance.
    const first = cluster.tokens("Put").filter((token) => token === "t1").length;
    expect(first).toBeLessThanOrEqual(6);
    expect(cluster.tokens("Put")).toEqual([...Array(first).fill("t1"), ...Array(6).fill("t2")]);
    expect(cluster.count("Authenticate")).toBe(2);
  });

  it("is not renewed again by a call that was refused with the token of another's renewal", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.serve = () => {
      throw invalidToken();
    };
    const failed = Promise.all(Array.from({ length: 50 }, () => caught(kv.put({}))));
    await cluster.clock.advance(2_000);
    for (const error of await failed) expect(error).toMatchObject({ code: "INVALID_AUTH_TOKEN" });
    expect(cluster.tokens("Put")).toEqual([...Array(50).fill("t1"), ...Array(300).fill("t2")]);
    expect(cluster.count("Authenticate")).toBe(1);
  });

  // integration/v3_auth_test.go:TestV3AuthOldRevConcurrent
  it("is renewed again and again, with short pauses, while users and roles change", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    let changes = 12;
    cluster.serve = () => {
      if (changes-- > 0) throw oldRevision();
      return {};
    };
    cluster.refusal = oldRevision;
    const writing = kv.put({});
    await cluster.clock.advance(3_000);
    await writing;
    expect(cluster.count("Put")).toBe(14);
  });

  it("for its revision is not renewed for ever", async () => {
    const { cluster, connection, kv } = await expired();
    await using _closing = connection;
    cluster.serve = () => {
      throw oldRevision();
    };
    cluster.refusal = oldRevision;
    const failed = caught(kv.put({}));
    await cluster.clock.advance(5_000);
    expect(await failed).toMatchObject({ code: "AUTH_OLD_REVISION", outcome: "not-applied" });
    expect(cluster.count("Put")).toBe(21);
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
  const delay = { what: "the log-in" };
  const never = (): Promise<never> => Promise.reject(new Error("not asked for"));

  const effort = (clock: Clock): Effort => ({
    clock,
    timeoutMs: 1_000,
    signal: new AbortController().signal,
  });

  /** Tokens as a connection has them some time after it has logged in. */
  async function loggedIn(credentials: Credentials | undefined): Promise<Tokens> {
    let now = 0;
    const tokens = new Tokens(
      credentials,
      { authenticate: () => Promise.resolve("t1"), delay },
      () => undefined,
      effort({ ...systemClock, now: () => (now += 1_000) }),
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
    const tokens = new Tokens(
      undefined,
      { authenticate: never, delay },
      () => undefined,
      effort(systemClock),
    );
    expect(tokens.ready).toBe(true);
    expect(tokens.current).toBeUndefined();
  });
});
