import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type EtcdCluster, startEtcd } from "@etcdkit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const directory = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program that is not ended from outside unless it fails to end by itself. */
async function outputOf(
  type: "module" | "commonjs",
  program: string,
  endpoints: string,
  flags: readonly string[] = [],
): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [...flags, `--input-type=${type}`, "-e", program], {
    cwd: directory,
    env: { ...process.env, ETCD_ENDPOINTS: endpoints },
    timeout: 60_000,
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

  // F75. That a flag is experimental, Node says itself.
  const permissions = ["--permission", "--experimental-permission"].find((flag) => isFlag(flag)) ?? "none";
  const network = isFlag("--allow-net") ? ["--allow-net"] : [];
  it.each([
    ["the permission model", [permissions, "--allow-fs-read=*", ...network]],
    ["frozen intrinsics", ["--frozen-intrinsics"]],
    ["no code from strings", ["--disallow-code-generation-from-strings"]],
    ["no __proto__", ["--disable-proto=throw"]],
  ])("may be run with %s", async (_, flags) => {
    const program = `
      import { createEtcd, createMutex, openSession, utf8, withLock } from "etcdkit";
      const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS });
      const watch = etcd.watcher.watch("process/restricted");
      await watch.created;
      const session = await openSession(etcd, { ttlSeconds: 5 });
      await withLock(createMutex(session, "process/lock"), (lock) =>
        lock.guard(etcd.kv).put("process/restricted", "value"));
      for await (const { events } of watch) {
        console.log(utf8(events[0].kv.value));
        break;
      }
      await session.close();
      await etcd.close();`;
    const all = ["--no-warnings", ...flags];
    expect(await outputOf("module", program, cluster.endpoints.join(), all)).toBe("value\n");
  });

  // F74: two threads, each with a copy of the family of its own.
  it("may have threads that contend for one lock", async () => {
    const thread = `
      const { parentPort } = require("node:worker_threads");
      const { createEtcd, createMutex, openSession, utf8, withLock } = require("etcdkit");
      (async () => {
        const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS });
        const session = await openSession(etcd, { ttlSeconds: 10 });
        const mutex = createMutex(session, "process/threads");
        for (let i = 0; i < 20; i++) {
          await withLock(mutex, async (lock) => {
            const count = await etcd.kv.get("process/count");
            await lock.guard(etcd.kv).put("process/count", String(Number(count ? utf8(count.value) : 0) + 1));
          });
        }
        await session.close();
        await etcd.close();
      })();`;
    const program = `
      const { Worker } = require("node:worker_threads");
      const { once } = require("node:events");
      const { createEtcd, utf8 } = require("etcdkit");
      (async () => {
        const threads = [1, 2, 3].map(() => new Worker(${JSON.stringify(thread)}, { eval: true }));
        console.log((await Promise.all(threads.map((thread) => once(thread, "exit")))).join());
        const etcd = createEtcd({ endpoints: process.env.ETCD_ENDPOINTS });
        console.log(utf8((await etcd.kv.get("process/count")).value));
        await etcd.close();
      })();`;
    expect(await outputOf("commonjs", program, cluster.endpoints.join())).toBe("0,0,0\n60\n");
  });
});

function isFlag(name: string): boolean {
  return process.allowedNodeEnvironmentFlags.has(name);
}
