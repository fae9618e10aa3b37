import { createClient } from "@connectrpc/connect";
import { Auth } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { authRevision, openGrpcTransport } from "@etcdkit/testing";
import { afterAll, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { secretValue, Witness } from "./witness.js";

// Up to a second less in truth: longer than a busy machine takes for two calls.
const ttlSeconds = 4;

describeEachEtcd("JSON Web Tokens", (etcd) => {
  const witness = new Witness();
  afterAll(() => witness.expectSecretsKept());
  const shared = etcd.shared({ auth: "jwt", tokenTtlSeconds: ttlSeconds });

  function provider() {
    const { auth } = shared.cluster;
    const sign = auth?.signToken;
    if (auth === undefined || sign === undefined) throw new Error("the cluster signs no tokens");
    return { root: auth.root, sign };
  }

  /** The revision that a token has to carry. */
  async function currentRevision(): Promise<bigint> {
    await using plain = openGrpcTransport(shared.endpoints[0] ?? "");
    return await authRevision(plain.transport, provider().root);
  }

  // common/auth_test.go:TestAuthJWTExpire
  it("that the server signs are renewed when their time is over", async () => {
    const own = new Witness();
    await using connection = own.connect(shared.cluster);
    const kv = createKv(connection);
    await kv.put("foo", "bar");
    // A token that is as old: the server says when its time is over.
    const { root } = provider();
    await using anonymous = openGrpcTransport(shared.endpoints[0] ?? "");
    const { token } = await createClient(Auth, anonymous.transport).authenticate(root);
    await using older = openGrpcTransport(shared.endpoints[0] ?? "", { token });
    const listed = () =>
      createClient(Auth, older.transport)
        .userList({})
        .then(() => "valid", String);
    await expect.poll(listed, { timeout: 30_000, interval: 200 }).toMatch(/invalid auth token/);
    await kv.put("foo", "bar");
    await expect(kv.get("foo")).resolves.toMatchObject({ version: 2n });
    expect(own.logIns).toBe(2);
    own.expectSecretsKept();
  });

  // common/auth_test.go:TestAuthJWTOnly
  it("of somebody else's making are all that it takes, and nobody logs in", async () => {
    const own = new Witness();
    const { sign } = provider();
    const token = sign({ username: "root", revision: await currentRevision() });
    await using connection = own.connect(shared.cluster, { credentials: { token } });
    const kv = createKv(connection);
    await kv.put("external", "bar");
    await expect(kv.get("external")).resolves.toMatchObject({ version: 1n });
    expect(own.logIns).toBe(0);
    own.expectSecretsKept();
  });

  it("that come from a function are asked for anew when refused, once for all who wait", async () => {
    const own = new Witness();
    const { sign } = provider();
    const revision = await currentRevision();
    let asked = 0;
    const token = (): Promise<string> => {
      asked += 1;
      return Promise.resolve(sign({ username: "root", revision, ttlSeconds: asked === 1 ? -10 : 60 }));
    };
    await using connection = own.connect(shared.cluster, { credentials: { token } });
    const kv = createKv(connection);
    await Promise.all(Array.from({ length: 50 }, (_, i) => kv.put(`function/${i}`, "bar")));
    expect(asked).toBe(2);
    expect(own.logIns).toBe(0);
    own.expectSecretsKept();
  });

  it.each([
    ["expired", { username: "root", ttlSeconds: -10 }, "INVALID_AUTH_TOKEN"],
    ["for an unknown user", { username: "nobody" }, "PERMISSION_DENIED"],
  ])("that are fixed and %s end the call", async (_, claims, code) => {
    const { sign } = provider();
    const token = sign({ ...claims, revision: await currentRevision() });
    await using connection = witness.connect(shared.cluster, { credentials: { token } });
    const failure = await witness.failureOf(createKv(connection).put("fixed", secretValue));
    expect(failure).toMatchObject({ code, outcome: "not-applied" });
  });

  it("that are fixed and of an old revision end the call", async () => {
    const { sign } = provider();
    const token = sign({ username: "root", revision: (await currentRevision()) - 1n });
    await using connection = witness.connect(shared.cluster, { credentials: { token } });
    const failure = await witness.failureOf(createKv(connection).put("fixed", secretValue));
    expect(failure).toMatchObject({ code: "AUTH_OLD_REVISION", outcome: "not-applied" });
  });
});
