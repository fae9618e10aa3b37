import { entry } from "./lib/entry.mjs";
import { discovery, EtcdCache, goPrograms } from "./lib/etcd-cache.mjs";
import { fetchFromDebian } from "./lib/etcd-debian.mjs";
import { buildToolsWithGo, buildWithGo, goServers, hasGo } from "./lib/etcd-go.mjs";
import { Failure, Interrupted, report } from "./lib/failure.mjs";
import { during, say } from "./lib/say.mjs";
import { inRoot } from "./lib/workspace.mjs";
import { setUp } from "./setup.mjs";

/**
 * Fills the cache with real etcd servers.
 *
 * @param {"first" | "all"} mode `first`: nothing is fetched when the machine has a server; otherwise one is.
 *   `all`: the distribution's, and where there is Go each version under `tools/` and the program that tests talk to.
 * @returns {Promise<readonly { version: string, path: string, source: string }[]>} The servers to use, newest first;
 *   at least one.
 * @throws {Failure} When there is none in the end. That one source fails is only said.
 */
export async function fetchEtcd(mode) {
  const { etcdCacheDirectory, findEtcdBinaries } = await discovery();
  const find = () => findEtcdBinaries().catch((error) => Promise.reject(new Failure(`${error.message}.`)));
  const cache = new EtcdCache(etcdCacheDirectory());
  if (mode === "first") await fetchFirst(cache, find);
  else await fetchAll(cache, await find());

  const servers = await find();
  if (servers.length === 0) throw new Failure(noServer(cache));
  for (const { version, path } of servers) say("etcd", `${version} at ${path}`);
  return servers;
}

async function fetchFirst(cache, find) {
  if ((await find()).length > 0) return;
  if (await attempt(() => fetchFromDebian(cache))) return;
  const [newest] = goServers();
  // The server is all that is asked for; its tools come with `all`.
  if (newest !== undefined && (await hasGo()))
    await attempt(() => buildWithGo(cache, { ...newest, tools: [] }));
}

async function fetchAll(cache, atHand) {
  await attempt(() => fetchFromDebian(cache));
  const sources = await cache.sources();
  const missing = goServers().flatMap((server) => {
    const { version, key, tools } = server;
    const found = atHand.find((other) => other.version === version);
    // One that we built ourselves must be of today's go.mod; anyone else's is good as it is.
    const stale = sources.get(version)?.from === "go" && sources.get(version).key !== key;
    if (found === undefined || stale) return { version, build: () => buildWithGo(cache, server) };
    if (tools.every((name) => found[name] !== undefined)) return [];
    return { version: `the tools of ${version}`, build: () => buildToolsWithGo(cache, server) };
  });
  if (!(await hasGo())) {
    const versions = ["programs of tools/", ...missing.map(({ version }) => version)];
    say("etcd", `without Go on PATH, ${versions.join(", ")} cannot be built`);
    return;
  }
  for (const { build } of missing) await attempt(build);
  await attempt(buildInterop);
}

/** Tests would build it themselves; here it is seen what takes the time. */
async function buildInterop() {
  const { buildGoProgram } = await goPrograms();
  await during("etcd", "the Go program that shares keys with our tests", () =>
    buildGoProgram(inRoot("tools", "interop"), "interop").catch((error) => {
      throw new Failure("tools/interop could not be built: see below.", error.message);
    }),
  );
}

/** One source that fails does not stop the others. */
async function attempt(source) {
  try {
    return await source();
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    report(error);
    return false;
  }
}

function noServer(cache) {
  const narrowed = process.env.ETCD_VERSIONS
    ? ` of the versions in ETCD_VERSIONS=${process.env.ETCD_VERSIONS}`
    : "";
  return (
    `There is no etcd server${narrowed} on this machine and none could be fetched: set ETCD_BIN to the path of an etcd program, ` +
    "or put `etcd` on PATH, or use a Debian-like system (apt-get and dpkg-deb, no root needed), or install Go and run the " +
    `command again. Fetched servers are kept in ${cache.directory}.`
  );
}

await entry(import.meta.url, async (args) => {
  await setUp();
  await fetchEtcd(args.includes("--first") ? "first" : "all");
});
