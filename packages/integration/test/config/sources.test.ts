import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadOptions, optionsFromEnv, optionsFromFile, optionsFromFlags } from "@etcdkit/config";
import { type ConnectOptions, utf8 } from "@etcdkit/core";
import { authRevision, openGrpcTransport } from "@etcdkit/testing";
import { createEtcd, createEtcdFromEnv } from "etcdkit";
import { afterEach, expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";

/** Writes and reads with these options, within a time in which a connection that cannot come about is given up. */
async function works(options: ConnectOptions): Promise<void> {
  await using etcd = createEtcd({ callTimeoutMs: 5_000, ...options });
  const key = uniqueKey();
  await etcd.kv.put(key, "value");
  const found = await etcd.kv.get(key);
  expect(found && utf8(found.value)).toBe("value");
}

/** Writes a file, which is gone with the end of the scope. */
function temporaryFile(text: string): { readonly path: string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), "etcdkit-config-"));
  const path = join(directory, "etcd.yaml");
  writeFileSync(path, text);
  return { path, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
}

describeEachEtcd("a cluster that settings name", (etcd) => {
  const shared = etcd.shared();
  const secured = etcd.shared({ tls: "mutual" });
  const guarded = etcd.shared({ auth: "simple" });
  afterEach(() => vi.unstubAllEnvs());

  it("is reached through the environment, flags and YAML", async () => {
    const list = shared.endpoints.join();
    await works(optionsFromEnv({ ETCDCTL_ENDPOINTS: list, ETCDCTL_DIAL_TIMEOUT: "2s" }));
    await works(optionsFromFlags(["--endpoints", list, "--command-timeout=4s"]));
    using file = temporaryFile(`endpoints: [${list}]\ndial-keep-alive-time: 10000000000\n`);
    await works(optionsFromFile(file.path));
    await works(loadOptions({ file: file.path, env: {}, args: [] }));
  });

  it("is reached with createEtcdFromEnv", async () => {
    vi.stubEnv("ETCDCTL_ENDPOINTS", shared.endpoints.join());
    await using client = createEtcdFromEnv();
    await client.kv.get("any");
  });

  it("is reached with certificates", async () => {
    const { tls } = secured.cluster;
    if (tls === undefined) throw new Error("a cluster without TLS");
    const { caFile, certFile, keyFile } = tls;
    const list = secured.endpoints.join();
    // As etcdctl users write it: without a scheme.
    const bare = list.replaceAll("https://", "");
    await works(
      optionsFromEnv({
        ETCDCTL_ENDPOINTS: bare,
        ETCDCTL_CACERT: caFile,
        ETCDCTL_CERT: certFile,
        ETCDCTL_KEY: keyFile,
      }),
    );
    await works(
      optionsFromFlags([`--endpoints=${list}`, "--cacert", caFile, "--cert", certFile, "--key", keyFile]),
    );
    using file = temporaryFile(
      `endpoints: [${bare}]\ntrusted-ca-file: ${caFile}\ncert-file: ${certFile}\nkey-file: ${keyFile}\n`,
    );
    await works(optionsFromFile(file.path));
    const skipping = ["--insecure-skip-tls-verify", "--cert", certFile, "--key", keyFile];
    await works(optionsFromFlags([`--endpoints=${bare}`, ...skipping]));
    await using stranger = createEtcd(optionsFromFlags([`--endpoints=${list}`]));
    await expect(stranger.kv.get("any")).rejects.toMatchObject({ code: "TLS" });
  });

  it("is reached with a user and a password, from one source or two", async () => {
    const { name, password } = guarded.cluster.auth?.root ?? { name: "", password: "" };
    const list = guarded.endpoints.join();
    await works(optionsFromEnv({ ETCDCTL_ENDPOINTS: list, ETCDCTL_USER: `${name}:${password}` }));
    await works(optionsFromFlags([`--endpoints=${list}`, "--username", name, "--password", password]));
    using file = temporaryFile(`endpoints: [${list}]\ninsecure-transport: true\nusername: ${name}\n`);
    await works(loadOptions({ file: file.path, env: { ETCDCTL_PASSWORD: password } }));
    await using nobody = createEtcd(optionsFromEnv({ ETCDCTL_ENDPOINTS: list }));
    await expect(nobody.kv.get("any")).rejects.toMatchObject({ code: "USER_EMPTY" });
  });
});

// How servers check tokens is tried elsewhere, on each.
describeNewestEtcd("a cluster that a token is for", (etcd) => {
  it("is reached with that token", async () => {
    await using cluster = await etcd.start({ auth: "jwt" });
    const { root, signToken } = cluster.auth ?? {};
    if (root === undefined || signToken === undefined) throw new Error("a cluster without tokens");
    await using plain = openGrpcTransport(cluster.endpoints[0] ?? "");
    const token = signToken({ username: root.name, revision: await authRevision(plain.transport, root) });
    const list = cluster.endpoints.join();
    await works(optionsFromEnv({ ETCDCTL_ENDPOINTS: list, ETCDCTL_AUTH_JWT_TOKEN: token }));
    using file = temporaryFile(`endpoints: [${list}]\ntoken: ${token}\n`);
    await works(optionsFromFile(file.path));
  });
});
