import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { Auth, Cluster, KV, Maintenance } from "@etcdkit/core/protocol";
import { describe, expect, it, vi } from "vitest";
import { authRevision } from "./cluster-auth.js";
import { findEtcdBinaries } from "./etcd-binaries.js";
import { type EtcdCluster, startEtcd } from "./etcd-cluster.js";
import { openGrpcTransport } from "./grpc-transport.js";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A write and a linearizable read through one endpoint, as the cluster's own client. */
async function serves(cluster: EtcdCluster, endpoint: string, token?: string): Promise<boolean> {
  await using grpc = openGrpcTransport(endpoint, { tls: cluster.tls, token });
  const kv = createClient(KV, grpc.transport);
  await kv.put({ key: bytes("key"), value: bytes(endpoint) }, { timeoutMs: 10_000 });
  const { kvs } = await kv.range({ key: bytes("key") }, { timeoutMs: 10_000 });
  return Buffer.from(kvs[0]?.value ?? []).toString() === endpoint;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

function codeOf(promise: Promise<unknown>): Promise<Code | undefined> {
  return promise.then(
    () => undefined,
    (error: ConnectError) => error.code,
  );
}

describe("an etcd cluster", { timeout: 120_000 }, () => {
  it("of one member serves, and leaves neither process nor file behind", async () => {
    const cluster = await startEtcd();
    const [member] = cluster.members;
    expect(cluster.endpoints).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)]);
    expect(await serves(cluster, cluster.endpoints[0] ?? "")).toBe(true);
    await using admin = await cluster.openAdmin();
    expect(await createClient(Maintenance, admin.transport).status({})).toMatchObject({
      version: cluster.version,
    });
    expect(await member?.log()).toContain(cluster.endpoints[0]); // where it listens
    expect(isAlive(member?.pid ?? 0)).toBe(true);
    await Promise.all([cluster.close(), cluster.close()]);
    expect(isAlive(member?.pid ?? 0)).toBe(false);
    await expect(stat(dirname(member?.dataDirectory ?? ""))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it.each(["ipv6", "unix"] as const)("serves over %s", async (listen) => {
    await using cluster = await startEtcd({ listen });
    const [endpoint = ""] = cluster.endpoints;
    expect(endpoint).toMatch(listen === "unix" ? /^unix:\/\/\// : /^http:\/\/\[::1\]:/);
    expect(await serves(cluster, endpoint)).toBe(true);
  });

  it("comes back over the unix socket that it left when it was killed, whatever its version", async () => {
    for (const { version } of await findEtcdBinaries()) {
      await using cluster = await startEtcd({ version, listen: "unix" });
      const [member] = cluster.members;
      await member?.kill();
      await member?.restart();
      expect(await serves(cluster, cluster.endpoints[0] ?? "")).toBe(true);
    }
  });

  it("with mutual TLS lets in its own clients under each of its names, and nobody else", async () => {
    await using cluster = await startEtcd({ tls: "mutual" });
    const { tls } = cluster;
    const [endpoint = ""] = cluster.endpoints;
    if (tls === undefined) throw new Error("no TLS");
    expect(endpoint).toMatch(/^https:/);
    expect(await serves(cluster, endpoint)).toBe(true);
    const status = async (options: Parameters<typeof openGrpcTransport>[1]) => {
      await using grpc = openGrpcTransport(endpoint, options);
      return await createClient(Maintenance, grpc.transport).status({}, { timeoutMs: 10_000 });
    };
    const { ca, cert, key, serverName, expired, foreign, foreignCa } = tls;
    await status({ tls: { ca, cert, key, serverName } });
    await status({ tls: { ca, ...(await tls.issue({ commonName: "alice" })) } });
    await expect(status({ tls: { ca, cert, key, serverName: "elsewhere.test" } })).rejects.toThrow(
      /altnames/,
    );
    await expect(status({ tls: { ca: foreignCa, cert, key } })).rejects.toThrow(
      /unable to verify|self-signed/,
    );
    for (const pair of [
      {},
      { cert: expired.cert, key: expired.key },
      { cert: foreign.cert, key: foreign.key },
    ]) {
      await expect(status({ tls: { ca, ...pair } })).rejects.toThrow();
    }
  });

  it("with server TLS over a unix socket needs no certificate of the client", async () => {
    await using cluster = await startEtcd({ tls: "server", listen: "unix" });
    await using grpc = openGrpcTransport(cluster.endpoints[0] ?? "", { tls: { ca: cluster.tls?.ca } });
    await createClient(Maintenance, grpc.transport).status({});
  });

  it("with simple tokens refuses strangers, and a token that nobody used for its life", async () => {
    await using cluster = await startEtcd({ auth: "simple", tokenTtlSeconds: 3 });
    const { auth } = cluster;
    const [endpoint = ""] = cluster.endpoints;
    if (auth === undefined) throw new Error("no authentication");
    await using anonymous = openGrpcTransport(endpoint);
    const range = { key: bytes("key") };
    expect(await codeOf(createClient(KV, anonymous.transport).range(range))).toBe(Code.InvalidArgument);
    const login = createClient(Auth, anonymous.transport);
    expect(await codeOf(login.authenticate({ ...auth.root, password: "wrong" }))).toBe(Code.InvalidArgument);

    await using reader = openGrpcTransport(endpoint, {
      token: (await login.authenticate(auth.reader)).token,
    });
    const kv = createClient(KV, reader.transport);
    await kv.range({ key: bytes("public/a") });
    expect(await codeOf(kv.range(range))).toBe(Code.PermissionDenied);
    expect(await codeOf(kv.put({ key: bytes("public/a") }))).toBe(Code.PermissionDenied);
    await using admin = await cluster.openAdmin();
    const root = createClient(KV, admin.transport);
    await root.put({ key: bytes("public/a") });
    // Time itself is under test here: nothing tells when a server forgets a token.
    await delay(7_000);
    expect(await codeOf(root.put({ key: bytes("public/a") }))).toBe(Code.Unauthenticated);
  });

  it("with JWT takes the tokens that it and its key's owner sign, at the current auth revision only", async () => {
    await using cluster = await startEtcd({ auth: "jwt", tokenTtlSeconds: 60 });
    const [endpoint = ""] = cluster.endpoints;
    await using anonymous = openGrpcTransport(endpoint);
    const revision = await authRevision(
      anonymous.transport,
      cluster.auth?.root ?? { name: "", password: "" },
    );
    const write = (claims: { revision: bigint; ttlSeconds?: number }) =>
      codeOf(serves(cluster, endpoint, cluster.auth?.signToken?.({ username: "root", ...claims })));
    expect(await write({ revision })).toBeUndefined();
    expect(await write({ revision: revision - 1n })).toBe(Code.InvalidArgument);
    expect(await write({ revision, ttlSeconds: -1 })).toBe(Code.Unauthenticated);
  });

  it("of three survives the loss of one, and the lost one comes back on its data", async () => {
    await using cluster = await startEtcd({ members: 3 });
    const [first, second, third] = cluster.members;
    if (first === undefined || second === undefined || third === undefined) throw new Error("not three");
    for (const { endpoint } of cluster.members) expect(await serves(cluster, endpoint)).toBe(true);
    const pid = first.pid;
    await first.kill();
    expect([first.isRunning, isAlive(pid)]).toEqual([false, false]);
    await expect
      .poll(() => serves(cluster, second.endpoint).catch(() => false), { timeout: 20_000 })
      .toBe(true);
    await first.restart();
    expect([first.isRunning, first.pid === pid]).toEqual([true, false]);
    expect(await serves(cluster, first.endpoint)).toBe(true);

    await using paused = openGrpcTransport(second.endpoint);
    const ask = createClient(Maintenance, paused.transport);
    for (let i = 0; i < 10; i++) {
      await ask.status({}, { timeoutMs: 10_000 });
      await second.pause();
      expect(await codeOf(ask.status({}, { timeoutMs: 50 }))).toBe(Code.DeadlineExceeded);
      second.resume();
    }
    await ask.status({}, { timeoutMs: 10_000 });

    await third.stop();
    expect(third.isRunning).toBe(false);
    await cluster.restart();
    for (const { endpoint } of cluster.members) expect(await serves(cluster, endpoint)).toBe(true);
  });

  it("takes in a learner that follows without a vote", async () => {
    await using cluster = await startEtcd();
    const learner = await cluster.addMember({ learner: true });
    expect(cluster.endpoints).toHaveLength(2);
    await using admin = await cluster.openAdmin();
    const { members } = await createClient(Cluster, admin.transport).memberList({});
    expect(members.map(({ name, isLearner }) => [name, isLearner])).toContainEqual([learner.name, true]);
    await using grpc = openGrpcTransport(learner.endpoint);
    expect((await createClient(Maintenance, grpc.transport).status({})).isLearner).toBe(true);
  });

  it("keeps its data where it is told to, for the next one", async () => {
    const dataDirectory = await mkdtemp(join(tmpdir(), "etcdkit-"));
    try {
      {
        await using cluster = await startEtcd({ dataDirectory });
        await serves(cluster, cluster.endpoints[0] ?? "");
      }
      await using cluster = await startEtcd({ dataDirectory });
      await using admin = await cluster.openAdmin();
      expect((await createClient(KV, admin.transport).range({ key: bytes("key") })).count).toBe(1n);
    } finally {
      await rm(dataDirectory, { recursive: true });
    }
  });

  it("hands arguments and environment on to its servers", async () => {
    await using cluster = await startEtcd({
      args: ["--max-request-bytes", "1000"],
      env: { ETCD_MAX_TXN_OPS: "3" },
    });
    await using admin = await cluster.openAdmin();
    const kv = createClient(KV, admin.transport);
    const put = { request: { case: "requestPut" as const, value: { key: bytes("k") } } };
    await expect(kv.put({ key: bytes("k"), value: new Uint8Array(2_000) })).rejects.toThrow(
      "request is too large",
    );
    await expect(kv.txn({ success: [put, put, put, put] })).rejects.toThrow("too many operations");
  });

  it("shows what its servers log when it is not to be quiet, and still keeps it", async () => {
    const shown: string[] = [];
    const write = vi
      .spyOn(process.stderr, "write")
      .mockImplementation((text) => shown.push(String(text)) > 0);
    try {
      await using cluster = await startEtcd({ quiet: false });
      expect(shown.join("")).toContain(cluster.endpoints[0]);
      await expect.poll(() => cluster.members[0]?.log(), { timeout: 15_000 }).toContain(cluster.endpoints[0]);
    } finally {
      write.mockRestore();
    }
  });

  it("goes on with another server program where a member is restarted with its version", async () => {
    await using cluster = await startEtcd();
    const [member] = cluster.members;
    await serves(cluster, cluster.endpoints[0] ?? "");
    await member?.restart({ version: cluster.version });
    await using admin = await cluster.openAdmin();
    expect((await createClient(KV, admin.transport).range({ key: bytes("key") })).count).toBe(1n);
    await expect(member?.restart({ version: "2.3" })).rejects.toThrow(/^no etcd 2\.3/);
  });

  it("that does not start says why with the end of its log, and leaves nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "etcdkit-"));
    vi.stubEnv("TMPDIR", folder);
    try {
      await expect(startEtcd({ args: ["--no-such-flag"] })).rejects.toThrow(
        /ended with exit \d+ before it served:\nflag provided but not defined: -no-such-flag\n/,
      );
      expect(await readdir(folder)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    [{ members: 0 }, /^members:/],
    [{ members: 2, dataDirectory: "/tmp/x" }, /^dataDirectory:/],
    [{ tls: "yes" as "server" }, /^tls:/],
    [{ auth: "basic" as "jwt" }, /^auth:/],
    [{ listen: "ipx" as "unix" }, /^listen:/],
    [{ tokenTtlSeconds: 3 }, /^tokenTtlSeconds:/],
    [{ auth: "jwt" as const, tokenTtlSeconds: 0.5 }, /^tokenTtlSeconds:/],
    [{ startTimeoutMs: 0 }, /^startTimeoutMs:/],
  ])("refuses %o", async (options, message) => {
    await expect(startEtcd(options)).rejects.toThrow(message);
  });

  it("of a version that is not there is missed in a sentence", async () => {
    await expect(startEtcd({ version: "2.3" })).rejects.toThrow(/^no etcd 2\.3 on this machine/);
  });
});
