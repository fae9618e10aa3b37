import { createKv } from "@etcdkit/kv";
import type { EtcdCluster } from "@etcdkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { addUser, authOf, credentialsOf } from "./users.js";
import { secretValue, Witness } from "./witness.js";

// etcd takes the common name of a client's certificate for a user name, unless the client logs in.
describeEachEtcd("a client certificate", (etcd) => {
  const witness = new Witness();
  afterAll(() => witness.expectSecretsKept());
  const shared = etcd.shared({ tls: "mutual", auth: "simple" });
  const password = "canary-password-ce47";

  beforeAll(async () => {
    await using root = witness.connect(shared.cluster);
    const auth = authOf(root);
    // The user of the certificate has no password: it cannot come in any other way.
    await addUser(auth, { name: "example.com", key: "hoo" });
    await addUser(auth, { name: "test-user", password, key: "bar" });
  });

  /** Connects with a certificate of this name, and without a password. */
  async function connectAs(commonName: string, cluster: EtcdCluster = shared.cluster) {
    const { tls } = cluster;
    if (tls === undefined) throw new Error("the cluster has no TLS");
    const { cert, key } = await tls.issue({ commonName });
    return witness.connect(cluster, { tls: { ca: tls.ca, cert, key }, credentials: undefined });
  }

  const denied = { code: "PERMISSION_DENIED", outcome: "not-applied" };

  // e2e/ctl_v3_auth_no_proxy_test.go:TestCtlV3AuthCertCN, TestCtlV3AuthCertCNAndUsernameNoPassword
  it("is as good as a log-in: its user may do what it is granted, and nothing else", async () => {
    await using connection = await connectAs("example.com");
    const kv = createKv(connection);
    await kv.put("hoo", "bar");
    await expect(kv.get("hoo")).resolves.toMatchObject({ version: 1n });
    await expect(witness.failureOf(kv.put("baz", secretValue))).resolves.toMatchObject(denied);
    await expect(witness.failureOf(kv.put("bar", secretValue))).resolves.toMatchObject(denied);
  });

  it("of a name that is no user gives nothing", async () => {
    await using connection = await connectAs("nobody.example");
    await expect(witness.failureOf(createKv(connection).put("hoo", secretValue))).resolves.toMatchObject(
      denied,
    );
  });

  // e2e/ctl_v3_auth_no_proxy_test.go:TestCtlV3AuthCertCNAndUsername
  it("gives way to a user name with a password", async () => {
    const { tls } = shared.cluster;
    const { cert, key } = (await tls?.issue({ commonName: "example.com" })) ?? {};
    await using connection = witness.connect(shared.cluster, {
      tls: { ca: tls?.ca, cert, key },
      credentials: { username: "test-user", password },
    });
    const kv = createKv(connection);
    await kv.put("bar", "bar");
    await expect(witness.failureOf(kv.put("hoo", secretValue))).resolves.toMatchObject(denied);
    await expect(witness.failureOf(kv.put("baz", secretValue))).resolves.toMatchObject(denied);
  });

  // e2e/ctl_v3_auth_no_proxy_test.go:TestCtlV3AuthCertCNAndUsernameNoPassword
  it("is the only way in for a user without a password", async () => {
    await using connection = witness.connect(shared.cluster, {
      credentials: { username: "example.com", password: "canary-password-0bad" },
    });
    const failure = await witness.failureOf(connection.ready());
    expect(failure).toMatchObject({ code: expect.stringMatching(/^(AUTH_FAILED|NO_PASSWORD_USER)$/) });
  });

  describe("for root", () => {
    // e2e/ctl_v3_auth_no_proxy_test.go:TestCtlV3AuthCertCNWithWithConcurrentOperation
    it("lets 100 users come and go beside 100 puts and deletions without an error", async () => {
      await using administrator = await connectAs("root");
      await using writer = await connectAs("root");
      const [auth, kv] = [authOf(administrator), createKv(writer)];
      const administer = async (): Promise<void> => {
        for (let i = 0; i < 100; i++) {
          await auth.userAdd({ name: `user-${i}`, password: "canary-password-c0c0" });
          await auth.userDelete({ name: `user-${i}` });
        }
      };
      const write = async (): Promise<void> => {
        for (let i = 0; i < 100; i++) {
          await kv.put(`key-${i}`, "value");
          await expect(kv.delete(`key-${i}`)).resolves.toMatchObject({ deleted: 1 });
        }
      };
      await Promise.all([administer(), write()]);
      const { users } = await auth.userList({});
      expect(users.filter((name) => name.startsWith("user-"))).toEqual([]);
    });
  });

  it("beside a log-in as root changes nothing of who it is", async () => {
    const { auth } = shared.cluster;
    expect(auth).toBeDefined();
    if (auth === undefined) return;
    await using connection = witness.connect(shared.cluster, { credentials: credentialsOf(auth.root) });
    const kv = createKv(connection);
    await kv.put("anything", "bar");
    await expect(kv.get("anything")).resolves.toMatchObject({ version: 1n });
  });
});
