import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type EtcdCluster, startEtcd } from "@etcdkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const directory = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program that is not ended from outside unless it fails to end by itself. */
async function outputOf(type: "module" | "commonjs", program: string, endpoints: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [`--input-type=${type}`, "-e", program], {
    cwd: directory,
    env: { ...process.env, ETCD_ENDPOINTS: endpoints },
    timeout: 20_000,
  });
  expect(stderr).toBe("");
  return stdout;
}

describe("a program that uses the family", () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await startEtcd();
  });
  afterAll(() => cluster?.close());

  it("ends when it has nothing else to do, although it has closed nothing", async () => {
    const program = `
      import { createEtcd } from "etcdkit";
      const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS });
      await etcd.kv.put("process/key", "value");
      void (async () => { for await (const event of etcd.connection.events()) console.log(event.type); })();
      console.log("done");`;
    expect(await outputOf("module", program, cluster.endpoints.join())).toBe("done\n");
  });

  it("ends although it follows the health of members", async () => {
    const program = `
      import { createEtcd } from "etcdkit";
      const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS, healthCheck: true });
      await etcd.kv.put("process/key", "value");
      console.log("done");`;
    expect(await outputOf("module", program, cluster.endpoints.join())).toBe("done\n");
  });

  it("ends after a call that nobody could serve", async () => {
    const program = `
      import { createEtcd } from "etcdkit";
      const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS });
      await etcd.kv.get("key", { timeoutMs: 200 }).catch((error) => console.log(error.code));`;
    expect(await outputOf("module", program, "http://127.0.0.1:1")).toBe("DEADLINE\n");
  });

  it("may be CommonJS", async () => {
    const program = `
      const { createEtcd, utf8 } = require("etcdkit");
      const { createKubernetesClient } = require("@etcdkit/kv/kubernetes");
      const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS });
      etcd.kv.put("process/key", "value")
        .then(() => createKubernetesClient(etcd.kv).get("process/key"))
        .then(({ kv }) => console.log(utf8(kv.value)));`;
    expect(await outputOf("commonjs", program, cluster.endpoints.join())).toBe("value\n");
  });
});
