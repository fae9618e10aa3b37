import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect as connectTls, createServer, type TlsOptions as ServerTls } from "node:tls";
import { connect, type TlsOptions } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createCertificateAuthority } from "@etcdkit/testing";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

/** Far below the deadline of a call: what can never work is not waited for. */
const soonMs = 5_000;

// On the newest server only: who is trusted is decided by TLS libraries, the same for every version.
describeNewestEtcd("a cluster that asks for client certificates", (etcd) => {
  const shared = etcd.shared({ tls: "mutual" });

  // v3_grpc_test.go:TestTLSGRPCAcceptSecureAll
  it("serves a client with a certificate that it trusts", async () => {
    await using connection = shared.connect();
    const key = uniqueKey();
    await createKv(connection).put(key, "value");
    expect((await createKv(connection).get(key))?.version).toBe(1n);
  });

  it("is verified by the name that the client was told, in place of the endpoint's", async () => {
    const { tls } = shared.cluster;
    await using connection = shared.connect({
      tls: { ca: tls?.ca, cert: tls?.cert, key: tls?.key, serverName: tls?.serverName },
    });
    await connection.ready();
  });

  type Wrong = (tls: NonNullable<typeof shared.cluster.tls>) => TlsOptions;
  it.each<{ name: string; wrong: Wrong }>([
    // dial_test.go:TestDialTLSExpired
    {
      name: "with an expired certificate",
      wrong: ({ ca, expired }) => ({ ca, cert: expired.cert, key: expired.key }),
    },
    {
      name: "with another authority's certificate",
      wrong: ({ ca, foreign }) => ({ ca, cert: foreign.cert, key: foreign.key }),
    },
    // v3_grpc_test.go:TestTLSGRPCRejectInsecureClient
    { name: "without a certificate", wrong: ({ ca }) => ({ ca }) },
    // dial_test.go:TestDialTLSNoConfig: Node's authorities do not know the cluster's
    { name: "that trusts Node's authorities", wrong: () => ({}) },
    {
      name: "that trusts another authority",
      wrong: ({ foreignCa, cert, key }) => ({ ca: foreignCa, cert, key }),
    },
    {
      name: "that expects another name",
      wrong: ({ ca, cert, key }) => ({ ca, cert, key, serverName: "other.test" }),
    },
  ])("fails a client $name at once, with TLS and the reason", async ({ wrong }) => {
    const { tls } = shared.cluster;
    if (tls === undefined) throw new Error("expected a cluster with TLS");
    const [endpoint = ""] = shared.endpoints;
    await using connection = connect({ endpoints: endpoint, tls: wrong(tls) });
    const { error, afterMs } = await rejection(() => createKv(connection).get("any"));
    expect(error).toMatchObject({ code: "TLS", endpoint });
    expect(error.message).toContain(endpoint);
    expect(afterMs).toBeLessThan(soonMs);
    expect((await rejection(() => createKv(connection).put("any", "value"))).error).toMatchObject({
      code: "TLS",
      outcome: "not-applied",
    });
  });

  // v3_grpc_test.go:TestTLSGRPCRejectInsecureClient
  it("never serves a client that speaks plaintext", async () => {
    const endpoint = shared.endpoints[0]?.replace("https:", "http:") ?? "";
    await using connection = connect({ endpoints: endpoint });
    const { error, afterMs } = await rejection(() => connection.ready({ timeoutMs: 2_000 }));
    expect(["PROTOCOL", "TLS", "DEADLINE"]).toContain(error.code);
    expect(error.endpoint).toBe(endpoint);
    expect(afterMs).toBeLessThan(2_000 + 2_500);
  });
});

describeNewestEtcd("a cluster without TLS", (etcd) => {
  const shared = etcd.shared();

  // v3_grpc_test.go:TestTLSGRPCRejectSecureClient
  it("never serves a client that speaks TLS, which learns why when its time is up", async () => {
    const endpoint = shared.endpoints[0]?.replace("http:", "https:") ?? "";
    await using connection = connect({ endpoints: endpoint });
    // etcd hangs up on it without a word, as a server would that is just going down: that alone is nothing final.
    const { error } = await rejection(() => createKv(connection).put("any", "value", { timeoutMs: 3_000 }));
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied", endpoint });
    expect(error.message).toContain("before secure TLS connection was established");
  });
});

// v3_tls_test.go:TestTLSClientCipherSuitesValid
describeNewestEtcd("a cluster with one cipher suite of TLS 1.2", (etcd) => {
  const suite = ["--cipher-suites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
  const limited = etcd.has("tls-max-version");
  const shared = etcd.shared({
    tls: "server",
    args: limited ? ["--tls-max-version", "TLS1.2", ...suite] : suite,
  });

  /** What the server agrees on with a client that lets it choose. */
  async function agreement(): Promise<readonly (string | null | undefined)[]> {
    const { hostname, port } = new URL(shared.endpoints[0] ?? "");
    const socket = connectTls({ host: hostname, port: Number(port), ca: shared.cluster.tls?.ca });
    try {
      await once(socket, "secureConnect");
      return [socket.getProtocol(), socket.getCipher().name];
    } finally {
      socket.destroy();
    }
  }

  it(`serves a client, ${limited ? "which has that one too" : "over TLS 1.3, since it cannot be told not to"}`, async () => {
    expect(await agreement()).toEqual(
      limited
        ? ["TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"]
        : ["TLSv1.3", expect.stringMatching(/^TLS_AES_/)],
    );
    await using connection = shared.connect();
    await createKv(connection).get("any");
  });
});

// v3_tls_test.go:TestTLSClientCipherSuitesMismatch: servers that no etcd agrees to be
describe("a TLS server that no client of ours agrees with", () => {
  const authority = createCertificateAuthority();
  const certificate = authority.issue({ commonName: "server", names: ["127.0.0.1"] });

  it.each<{ name: string; tls: ServerTls }>([
    {
      name: "TLS 1.1 only",
      tls: { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    },
    {
      // Its certificate is of the other kind, so that no suite is left.
      name: "cipher suites for RSA certificates only",
      tls: { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" },
    },
    { name: "no HTTP/2", tls: { ALPNProtocols: ["http/1.1"] } },
  ])("fails at once: $name", async ({ tls }) => {
    const server = createServer({ ...certificate, ...tls });
    server.on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      await using connection = connect({
        endpoints: `https://127.0.0.1:${port}`,
        tls: { ca: authority.cert },
      });
      const { error, afterMs } = await rejection(() => createKv(connection).get("any"));
      expect(["TLS", "PROTOCOL"]).toContain(error.code);
      expect(afterMs).toBeLessThan(soonMs);
    } finally {
      server.close();
    }
  });
});

describeNewestEtcd("a TLS cluster of three", (etcd) => {
  const shared = etcd.shared({ members: 3, tls: "server" });

  // v3_failover_test.go:TestFailover
  it.each([{ made: "before" }, { made: "after" }] as const)(
    "serves a connection that was made $made the first member died",
    async ({ made }) => {
      const [first] = shared.cluster.members;
      const early = made === "before" ? shared.connect() : undefined;
      await early?.ready();
      await first?.kill();
      try {
        await using connection = early ?? shared.connect();
        const kv = createKv(connection);
        const key = uniqueKey();
        // The member that died may have led the others, which then need a while to elect another.
        await kv.get(key, { timeoutMs: 30_000 });
        await kv.put(key, "value");
        expect((await kv.get(key))?.version).toBe(1n);
      } finally {
        await first?.restart();
      }
    },
  );
});
