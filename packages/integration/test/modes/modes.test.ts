import type { Connection, ConnectOptions } from "@etcdkit/core";
import { authRevision, type EtcdCluster, type EtcdOptions, openGrpcTransport } from "@etcdkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { type ModeGround, selection } from "./selection.js";

interface Mode {
  readonly name: string;
  readonly server: Omit<EtcdOptions, "version">;
  /** What its users give to `connect` besides what the cluster says of itself. */
  readonly client?: (cluster: EtcdCluster) => Promise<Partial<ConnectOptions>>;
}

const modes: readonly Mode[] = [
  { name: "TLS", server: { tls: "server" } },
  {
    name: "TLS, with a name that the certificate has and the address has not",
    server: { tls: "server" },
    client: namedTls,
  },
  { name: "mTLS", server: { tls: "mutual" } },
  { name: "mTLS, with keys in files", server: { tls: "mutual" }, client: filesTls },
  { name: "simple tokens of 3 s", server: { auth: "simple", tokenTtlSeconds: 3 } },
  { name: "JWT that the server signs, of 3 s", server: { auth: "jwt", tokenTtlSeconds: 3 } },
  { name: "JWT that somebody else signs", server: { auth: "jwt" }, client: externalJwt },
  { name: "TLS and simple tokens of 3 s", server: { tls: "server", auth: "simple", tokenTtlSeconds: 3 } },
  { name: "a unix socket", server: { listen: "unix" } },
  { name: "a unix socket with TLS", server: { listen: "unix", tls: "server" } },
  { name: "IPv6", server: { listen: "ipv6" } },
];

// The modes differ below the calls, in what no version of the server changed: the newest one is enough.
describeNewestEtcd("every mode", (etcd) => {
  describe.each(modes)("over $name:", ({ server, client = () => Promise.resolve({}) }) => {
    const shared = etcd.shared(server);
    let clientOptions: Partial<ConnectOptions> = {};
    let connection: Connection | undefined;
    beforeAll(async () => {
      clientOptions = await client(shared.cluster);
      connection = shared.connect(clientOptions);
    });
    afterAll(() => connection?.close());

    it.each(selection)("%s", async (_, body) => {
      if (connection === undefined) throw new Error("there is no connection");
      const ground: ModeGround = {
        cluster: shared.cluster,
        connection,
        connect: (options) => shared.connect({ ...clientOptions, ...options }),
      };
      await body(ground);
    });
  });

  describe("over TLS, a client that does not trust the server", () => {
    const shared = etcd.shared({ tls: "server" });

    it("fails at once, and says why", async () => {
      await using connection = shared.connect({ tls: { ca: shared.cluster.tls?.foreignCa } });
      const started = performance.now();
      await expect(connection.ready()).rejects.toMatchObject({ code: "TLS" });
      expect(performance.now() - started).toBeLessThan(5_000);
    });
  });
});

function namedTls({ tls }: EtcdCluster): Promise<Partial<ConnectOptions>> {
  return Promise.resolve({ tls: { ca: tls?.ca, serverName: tls?.serverName } });
}

function filesTls({ tls }: EtcdCluster): Promise<Partial<ConnectOptions>> {
  return Promise.resolve({ tls: { caFile: tls?.caFile, certFile: tls?.certFile, keyFile: tls?.keyFile } });
}

/** A token of an identity provider, made once: the cluster's users do not change. */
async function externalJwt({ auth, endpoints }: EtcdCluster): Promise<Partial<ConnectOptions>> {
  if (auth?.signToken === undefined) throw new Error("the cluster signs no tokens");
  await using plain = openGrpcTransport(endpoints[0] ?? "");
  const revision = await authRevision(plain.transport, auth.root);
  return { credentials: { token: auth.signToken({ username: auth.root.name, revision }) } };
}
