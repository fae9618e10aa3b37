import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isWanted } from "./etcd-versions.mjs";
import { Failure, machineFault } from "./failure.mjs";
import { run } from "./run.mjs";
import { during } from "./say.mjs";
import { inRoot } from "./workspace.mjs";

/**
 * The servers that can be built from `tools/etcd-*`, newest first. `key` changes with anything that is built in, and `tools`
 * are the programs that go.mod names as such: `etcdctl`, for instance.
 */
export function goServers() {
  return readdirSync(inRoot("tools"))
    .filter((name) => name.startsWith("etcd-"))
    .sort()
    .reverse()
    .map((name) => inRoot("tools", name))
    .map((directory) => {
      const manifest = readFileSync(join(directory, "go.mod"), "utf8");
      const version = /go\.etcd\.io\/etcd\/server\/v3 v(\S+)/.exec(manifest)?.[1];
      if (version === undefined)
        throw new Error(`${directory}/go.mod does not require go.etcd.io/etcd/server/v3`);
      const files = ["go.mod", "go.sum", "main.go"].map((file) => readFileSync(join(directory, file)));
      const key = files.reduce((hash, content) => hash.update(content).update("\0"), createHash("sha256"));
      const tools = [...manifest.matchAll(/^\s+go\.etcd\.io\/etcd\/(\w+)\/v3$/gm)].map(([, name]) => name);
      return { directory, version, tools, key: key.digest("hex") };
    })
    .filter(({ version }) => isWanted(version));
}

export async function hasGo() {
  return (await run("go", ["version"])).code === 0;
}

/**
 * Builds one server and its tools into the cache. The first of them takes about a minute on two cores, modules included;
 * tools share most of what they are made of with their server, and take some seconds more.
 */
export function buildWithGo(cache, server) {
  const { version, key, tools } = server;
  return build(cache, server, `${version} built from its Go modules (go build)`, [".", ...tools], {
    etcd: basename(server.directory),
    source: { from: "go", key },
  });
}

/** Builds the tools of a server alone, which somebody else has put there. */
export function buildToolsWithGo(cache, server) {
  const { tools, version } = server;
  return build(cache, server, `${tools.join(" and ")} ${version} built from their Go modules`, tools);
}

async function build(cache, { directory, version, tools }, title, packages, { etcd, source } = {}) {
  await cache.withTemporary((temporary) =>
    during("etcd", title, async () => {
      const built = packages.map((name) => (name === "." ? name : `go.etcd.io/etcd/${name}/v3`));
      // The programs are named after their packages, into a folder that ends so.
      const args = ["build", "-trimpath", "-ldflags=-s -w", "-o", `${temporary}/`, ...built];
      const { code, output } = await run("go", args, {
        cwd: directory,
        env: { CGO_ENABLED: "0", GOWORK: "off" },
      });
      if (code !== 0) {
        const reason = /dial tcp|no such host|timeout|proxyconnect/i.test(output)
          ? "the Go module proxy cannot be reached: check the network and what `go env GOPROXY` says."
          : (machineFault(output) ?? "see below.");
        throw new Failure(`etcd ${version} could not be built: ${reason}`, output);
      }
      const programs = tools.map((name) => [name, join(temporary, name)]);
      if (etcd !== undefined) programs.unshift(["etcd", join(temporary, etcd)]);
      await cache.place(version, Object.fromEntries(programs), source);
    }),
  );
}
