import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isSupported, isWanted } from "./etcd-versions.mjs";
import { Failure } from "./failure.mjs";
import { run } from "./run.mjs";
import { during, say } from "./say.mjs";

const absence = "debian";
const quick = [
  "-qq",
  "-o",
  "Acquire::Retries=0",
  "-o",
  "Acquire::http::Timeout=10",
  "-o",
  "APT::Sandbox::User=root",
];

/**
 * Fetches the distribution's etcd: its packages are downloaded and unpacked into the cache. Nothing is installed, no
 * service is started, and no part of it needs root.
 *
 * @param {import("./etcd-cache.mjs").EtcdCache} cache
 * @returns {Promise<boolean>} Whether there is a server of the distribution's in the cache now.
 */
export async function fetchFromDebian(cache) {
  for (const [version, { from }] of await cache.sources()) if (from === "debian") return isWanted(version);
  if (await cache.isKnownAbsent(absence)) return false;
  for (const tool of ["apt-get", "dpkg-deb"]) if ((await run(tool, ["--version"])).code !== 0) return false;

  return cache.withTemporary(async (temporary) => {
    const offer = await findOffer(temporary);
    if (offer === undefined || !isSupported(offer.version)) {
      await cache.noteAbsence(absence);
      say(
        "etcd",
        `this distribution offers ${offer ? `only etcd ${offer.version}` : "no package etcd-server"}`,
      );
      return false;
    }
    if (!isWanted(offer.version)) return false;
    await during(
      "etcd",
      `${offer.version} from the distribution's packages (unpacked, not installed)`,
      async () => {
        const programs = await unpack(temporary, offer);
        await cache.place(offer.version, programs, { from: "debian", key: offer.file });
      },
    );
    return true;
  });
}

/** What apt would fetch: with the machine's package lists, and where these are empty, with lists of our own. */
async function findOffer(temporary) {
  const own = [
    "-o",
    `Dir::State::lists=${join(temporary, "lists")}`,
    "-o",
    `Dir::Cache=${join(temporary, "apt")}`,
  ];
  const withMachineLists = await askApt(temporary, []);
  if (withMachineLists !== undefined) return withMachineLists;
  await mkdir(join(temporary, "lists", "partial"), { recursive: true });
  await mkdir(join(temporary, "apt", "archives", "partial"), { recursive: true });
  const update = await during(
    "etcd",
    "read the distribution's package lists (apt-get update, into a temporary folder)",
    () => run("apt-get", [...quick, ...own, "update"]),
  );
  const offer = await askApt(temporary, own);
  if (offer === undefined && update.code !== 0) {
    throw new Failure(
      "apt-get could not read the distribution's package lists: check the network.",
      update.output,
    );
  }
  return offer;
}

async function askApt(temporary, options) {
  const { code, output } = await run(
    "apt-get",
    [...quick, ...options, "download", "--print-uris", "etcd-server"],
    {
      cwd: temporary,
    },
  );
  // 'http://…' etcd-server_3.4.23-4+b4_amd64.deb 8438488 SHA256:…
  const found = code === 0 ? /\s(etcd-server_(?:\d+%3a)?(\d+\.\d+\.\d+)\S*\.deb)\s/.exec(output) : null;
  return found === null ? undefined : { file: found[1], version: found[2], options };
}

async function unpack(temporary, { options }) {
  // The tools come in a package of their own, and a server without them is still a server.
  await run("apt-get", [...quick, ...options, "download", "etcd-client"], { cwd: temporary });
  const download = await run("apt-get", [...quick, ...options, "download", "etcd-server"], {
    cwd: temporary,
  });
  if (download.code !== 0) {
    throw new Failure("apt-get could not download etcd-server: check the network.", download.output);
  }
  const unpacked = join(temporary, "unpacked");
  for (const file of (await readdir(temporary)).filter((name) => name.endsWith(".deb"))) {
    const { code, output } = await run("dpkg-deb", ["-x", join(temporary, file), unpacked]);
    if (code !== 0) throw new Failure(`dpkg-deb could not unpack ${file}.`, output);
  }
  const programs = ["etcd", "etcdctl", "etcdutl"]
    .map((name) => [name, join(unpacked, "usr", "bin", name)])
    .filter(([, path]) => existsSync(path));
  return Object.fromEntries(programs);
}
