import { spawn } from "node:child_process";
import { lookup } from "node:dns/promises";
import { fileURLToPath } from "node:url";
import { openBridge } from "@etcdkit/testing";
import { createHttp2Transport } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { bytes, failureOf, onServer } from "./transport-ground.js";

// Addresses are the same to all versions of the server.
describeNewestEtcd("our transport, wherever its server is", (etcd) => {
  describe("F23 IPv6", () => {
    it("is spoken to an address in brackets", async () => {
      await using cluster = await etcd.start({ listen: "ipv6" });
      const [endpoint = ""] = cluster.endpoints;
      expect(endpoint).toContain("[::1]");
      await using ground = onServer(endpoint);
      await ground.connect();
      await ground.kv.put({ key: bytes("F23") });
    });

    it("or IPv4 is found where a name has both and one of them is dead", async () => {
      const families = new Set((await lookup("localhost", { all: true })).map(({ family }) => family));
      if (families.size < 2)
        console.log(`Left out of F23: here "localhost" has only IPv${[...families].join()}.`);
      for (const family of families) {
        const listen = family === 6 ? "ipv6" : "ipv4";
        await using cluster = await etcd.start({ listen });
        const { port } = new URL(cluster.endpoints[0] ?? "");
        await using ground = onServer(`http://localhost:${port}`);
        const begun = performance.now();
        await ground.connect();
        expect(performance.now() - begun).toBeLessThan(3_000);
        await ground.kv.range({ key: bytes("F23") });
      }
    });
  });

  describe("F24 a unix socket", () => {
    it("works, with an authority that a server understands", async () => {
      await using cluster = await etcd.start({ listen: "unix" });
      await using ground = onServer(cluster.endpoints[0] ?? "");
      await ground.connect();
      await ground.kv.put({ key: bytes("F24") });
    });

    it("that is not there fails the dial and nothing else", async () => {
      await using ground = onServer("unix:///tmp/etcdkit-no-such-socket");
      await expect(ground.connect()).rejects.toMatchObject({ kind: "link", cause: { code: "ENOENT" } });
      expect(await failureOf(ground.kv.range({ key: bytes("a") }))).toBe("Unavailable unsent");
    });
  });

  it("F26 no file descriptors left: calls are refused, nothing crashes, and it goes on when there are some again", async () => {
    await using cluster = await etcd.start();
    const { code, output } = await runProgram(
      `
      import { createHttp2Transport } from "@etcdkit/transport";
      import { openSync, closeSync } from "node:fs";
      const link = createHttp2Transport({ endpoint: ${addressIn(cluster.endpoints[0] ?? "")} });
      // What waits for a dial holds the process; the dial itself does not.
      const timer = setInterval(() => undefined, 1000);
      await link.connect(AbortSignal.timeout(5000)); // everything is loaded now
      await link.close();
      const other = createHttp2Transport({ endpoint: ${addressIn(cluster.endpoints[0] ?? "")} });
      const held = [];
      try { for (;;) held.push(openSync("/dev/null")); } catch (error) { console.log(error.code); }
      for (let attempt = 0; attempt < 3; attempt++) {
        await other.connect(AbortSignal.timeout(5000)).catch((error) => console.log("refused " + error.cause?.code));
      }
      for (const file of held) closeSync(file);
      await other.connect(AbortSignal.timeout(5000));
      console.log(other.state);
      await other.close();
      clearInterval(timer);
      `,
      { files: 60 },
    );
    expect(output.trim().split("\n")).toEqual([
      "EMFILE",
      "refused EMFILE",
      "refused EMFILE",
      "refused EMFILE",
      "ready",
    ]);
    expect(code).toBe(0);
  });

  describe("the process", () => {
    it("ends by itself with an idle link, a closed one, and one whose calls were answered", async () => {
      await using cluster = await etcd.start();
      const { code, output } = await runProgram(
        `
        import { createClient } from "@connectrpc/connect";
        import { KV } from "@etcdkit/core/protocol";
        import { createHttp2Transport } from "@etcdkit/transport";
        const endpoint = ${addressIn(cluster.endpoints[0] ?? "")};
        const [idle, used, closed] = [1, 2, 3].map(() => createHttp2Transport({ endpoint }));
        for (const link of [idle, used, closed]) await held(link.connect(AbortSignal.timeout(5000)));
        await createClient(KV, used).put({ key: Buffer.from("a") }, { timeoutMs: 60_000 });
        await closed.close();
        console.log("done");

        // What waits for a dial holds the process; the dial itself does not.
        async function held(promise) {
          const timer = setInterval(() => undefined, 1000);
          try { return await promise; } finally { clearInterval(timer); }
        }
        `,
      );
      expect(output.trim()).toBe("done");
      expect(code).toBe(0);
    });

    it("goes on while a call is open", async () => {
      await using cluster = await etcd.start();
      await using bridge = await openBridge(cluster.endpoints[0] ?? "");
      bridge.latency(300);
      const { output } = await runProgram(
        `
        import { createClient } from "@connectrpc/connect";
        import { KV } from "@etcdkit/core/protocol";
        import { createHttp2Transport } from "@etcdkit/transport";
        const link = createHttp2Transport({ endpoint: ${addressIn(bridge.endpoint)} });
        const timer = setInterval(() => undefined, 1000);
        await link.connect(AbortSignal.timeout(20000));
        clearInterval(timer);
        await createClient(KV, link).put({ key: Buffer.from("a") }, { timeoutMs: 20_000 });
        console.log("answered");
        `,
      );
      expect(output.trim()).toBe("answered");
    });
  });

  it("tells nobody of a listener that has left", async () => {
    const link = createHttp2Transport({
      endpoint: {
        target: { path: "/tmp/etcdkit-no-such-socket" },
        tls: false,
        authority: "x",
        serverName: "x",
      },
    });
    let told = 0;
    link.subscribe(() => told++)();
    await link.connect(AbortSignal.timeout(1_000)).catch(() => undefined);
    expect(told).toBe(0);
    await link.close();
  });
});

function addressIn(endpoint: string): string {
  const { hostname, port, host } = new URL(endpoint);
  return JSON.stringify({
    target: { host: hostname, port: Number(port) },
    tls: false,
    authority: host,
    serverName: hostname,
  });
}

// The sources run as they are; they name each other by the files that they will be built into.
const hooks = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    resolve(specifier, context, next) {
      const isOurs = specifier.startsWith(".") && !context.parentURL?.includes("/node_modules/");
      return next(isOurs ? specifier.replace(/\\.js$/, ".ts") : specifier, context);
    },
  });
`)}`;

/** Runs a program on the sources of the packages, in this folder, with at most so many open files. */
async function runProgram(
  program: string,
  limits: { readonly files?: number } = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const node = [
    process.execPath,
    "--conditions=@etcdkit/source",
    `--import=${hooks}`,
    "--experimental-transform-types",
    "--no-warnings",
    "--input-type=module",
    "--eval",
    program,
  ];
  const command =
    limits.files === undefined ? node : ["prlimit", `--nofile=${limits.files}:${limits.files}`, ...node];
  const [file = "", ...args] = command;
  const child = spawn(file, args, { cwd: fileURLToPath(new URL(".", import.meta.url)) });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part: Buffer) => (output += part.toString()));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}
