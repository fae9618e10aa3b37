import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isWanted } from "./etcd-versions.mjs";
import { Failure, machineFault } from "./failure.mjs";
import { run } from "./run.mjs";
import { during } from "./say.mjs";
import { inRoot } from "./workspace.mjs";

/** The servers that can be built from `tools/etcd-*`, newest first. `key` changes with anything that is built in. */
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
      return { directory, version, key: key.digest("hex") };
    })
    .filter(({ version }) => isWanted(version));
}

export async function hasGo() {
  return (await run("go", ["version"])).code === 0;
}

/** Builds one server into the cache. The first of them takes about a minute on two cores, modules included. */
export async function buildWithGo(cache, { directory, version, key }) {
  await cache.withTemporary((temporary) =>
    during("etcd", `${version} built from its Go modules (go build)`, async () => {
      const program = join(temporary, "etcd");
      const { code, output } = await run("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", program, "."], {
        cwd: directory,
        env: { CGO_ENABLED: "0", GOWORK: "off" },
      });
      if (code !== 0) {
        const reason = /dial tcp|no such host|timeout|proxyconnect/i.test(output)
          ? "the Go module proxy cannot be reached: check the network and what `go env GOPROXY` says."
          : (machineFault(output) ?? "see below.");
        throw new Failure(`etcd ${version} could not be built: ${reason}`, output);
      }
      await cache.place(version, { etcd: program }, { from: "go", key });
    }),
  );
}
