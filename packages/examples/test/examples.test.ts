import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authRevision, type EtcdCluster, openGrpcTransport, startEtcd } from "@etcdkit/testing";
import { createEtcd } from "etcdkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "./run.js";

const sources = new URL("../src/", import.meta.url);
const notExamples = ["endpoints.ts", "quickstart.ts"];

/** What the comment at the end of an example says that it prints. */
async function expectedOutput(name: string): Promise<string> {
  const source = await readFile(new URL(`${name}.ts`, sources), "utf8");
  const [, comment] = /\n\/\/ Output:\n((?:\/\/.*\n)+)$/.exec(source) ?? [];
  if (comment === undefined) throw new Error(`${name}.ts does not end with // Output: and what it prints`);
  return comment.replace(/^\/\/ ?/gm, "");
}

async function expectOutput(name: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const { code, stdout, stderr } = await runProgram(name, environment);
  expect({ stdout, stderr, code }).toEqual({ stdout: await expectedOutput(name), stderr: "", code: 0 });
}

const names = (await readdir(sources))
  .filter((file) => file.endsWith(".ts") && !notExamples.includes(file))
  .map((file) => file.slice(0, -".ts".length));
/** These need a cluster of their own kind; the others run on a plain one. */
const special = ["auth-users", "connection-events", "mirror", "password", "tls", "token"];

describe("an example prints what its last comment says, and leaves no keys behind", () => {
  describe("on a cluster of one member", () => {
    let cluster: EtcdCluster;
    beforeAll(async () => {
      cluster = await startEtcd();
    });
    afterAll(() => cluster?.close());

    it.each(names.filter((name) => !special.includes(name)))("%s", async (name) => {
      await expectOutput(name, { ETCD_ENDPOINTS: cluster.endpoints.join() });
      await using etcd = createEtcd({ endpoints: cluster.endpoints });
      expect((await etcd.kv.range({ from: "" }, { countOnly: true })).count).toBe(0);
    });
  });

  it("connection-events, on a cluster of three members", async () => {
    await using cluster = await startEtcd({ members: 3 });
    await expectOutput("connection-events", { ETCD_ENDPOINTS: cluster.endpoints.join() });
  });

  it("mirror, from one cluster to another", async () => {
    await using source = await startEtcd();
    await using destination = await startEtcd();
    const [from, to] = [source.endpoints.join(), destination.endpoints.join()];
    await expectOutput("mirror", { ETCD_ENDPOINTS: from, ETCD_MIRROR_ENDPOINTS: to });
    for (const endpoints of [from, to]) {
      await using etcd = createEtcd({ endpoints });
      expect((await etcd.kv.range({ from: "" }, { countOnly: true })).count).toBe(0);
    }
  });

  it("auth-users, on a cluster of its own, since it switches authentication on", async () => {
    await using cluster = await startEtcd();
    await expectOutput("auth-users", { ETCD_ENDPOINTS: cluster.endpoints.join() });
    await using etcd = createEtcd({ endpoints: cluster.endpoints });
    expect((await etcd.auth.users.list()).users).toEqual([]);
    expect((await etcd.kv.range({ from: "" }, { countOnly: true })).count).toBe(0);
  });

  it("tls, on a cluster that asks for client certificates", async () => {
    await using cluster = await startEtcd({ tls: "mutual" });
    const { tls } = cluster;
    if (tls === undefined) throw new Error("a cluster without TLS");
    await expectOutput("tls", {
      ETCD_ENDPOINTS: cluster.endpoints.join(),
      ETCD_CA_FILE: tls.caFile,
      ETCD_CERT_FILE: tls.certFile,
      ETCD_KEY_FILE: tls.keyFile,
    });
  });

  describe("on a cluster with users", () => {
    let cluster: EtcdCluster;
    let directory: string;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), "etcdkit-examples-"));
      cluster = await startEtcd({ auth: "jwt" });
    });
    afterAll(async () => {
      await cluster?.close();
      await rm(directory, { recursive: true, force: true });
    });

    it("password", async () => {
      const { name = "", password = "" } = cluster.auth?.root ?? {};
      const environment = { ETCD_USERNAME: name, ETCD_PASSWORD: password };
      await expectOutput("password", { ETCD_ENDPOINTS: cluster.endpoints.join(), ...environment });
    });

    it("token", async () => {
      const { root, signToken } = cluster.auth ?? {};
      if (root === undefined) throw new Error("the cluster has no users");
      await using anonymous = openGrpcTransport(cluster.endpoints[0] ?? "");
      const token = signToken?.({
        username: "root",
        revision: await authRevision(anonymous.transport, root),
      });
      const file = join(directory, "token");
      await writeFile(file, `${token}\n`);
      await expectOutput("token", { ETCD_ENDPOINTS: cluster.endpoints.join(), ETCD_TOKEN_FILE: file });
    });
  });
});
