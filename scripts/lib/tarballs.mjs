import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { run } from "./run.mjs";
import { packages, readJson, toolPath } from "./workspace.mjs";

/** The files that a published package may have, besides what `exports` needs. */
const allowed = [
  /^package\.json$/,
  /^(README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^dist\/(?!.*\.test\.).+\.(js|js\.map|d\.ts|d\.ts\.map)$/,
  /^src\/(?!.*\.test\.).+\.ts$/,
];
const required = ["package.json", "README.md", "LICENSE"];
const installScripts = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];

/** Packs every public package, as it would be published. */
export async function packAll(directory) {
  const packed = [];
  for (const { directory: source, manifest } of packages().filter((found) => !found.manifest.private)) {
    const tarball = join(directory, `${manifest.name.replace("@", "").replace("/", "-")}.tgz`);
    const { code, output } = await run("pnpm", ["pack", "--out", tarball, "--silent"], { cwd: source });
    if (code !== 0) throw new Failure(`${manifest.name} cannot be packed.`, output);
    const unpacked = join(directory, "unpacked", manifest.name);
    mkdirSync(unpacked, { recursive: true });
    const untar = await run("tar", ["-xzf", tarball, "-C", unpacked, "--strip-components=1"]);
    if (untar.code !== 0)
      throw new Failure(`The tarball of ${manifest.name} cannot be unpacked.`, untar.output);
    packed.push({
      name: manifest.name,
      tarball,
      unpacked,
      manifest: readJson(join(unpacked, "package.json")),
    });
  }
  return packed;
}

/** What is wrong with one tarball; empty when nothing is. */
export async function faultsOf({ tarball, unpacked, manifest }) {
  const faults = [];
  const files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(unpacked.length + 1));

  for (const file of required) if (!files.includes(file)) faults.push(`${file} is missing`);
  for (const file of files) {
    if (!allowed.some((pattern) => pattern.test(file)))
      faults.push(`${file} does not belong into the tarball`);
    const source = file.replace(/^dist\/(.*?)(\.d\.ts|\.js)(\.map)?$/, "src/$1.ts");
    if (source !== file && !files.includes(source))
      faults.push(`${file} is left over: there is no ${source}`);
  }
  for (const script of installScripts)
    if (manifest.scripts?.[script]) faults.push(`it has the script ${script}`);
  if (manifest.sideEffects !== false) faults.push("package.json does not say sideEffects: false");
  if (JSON.stringify(manifest).includes("workspace:")) faults.push("package.json still says workspace:");
  if (JSON.stringify(manifest.exports).includes("/source")) faults.push("the exports lead to sources");

  for (const [tool, args] of [
    [toolPath("publint"), ["run", tarball, "--strict"]],
    [
      toolPath("@arethetypeswrong/cli", "attw"),
      [tarball, "--profile", "esm-only", "--no-emoji", "--no-color"],
    ],
  ]) {
    const { code, output } = await run(process.execPath, [tool, ...args]);
    if (code !== 0) faults.push(output.trim());
  }
  return faults;
}

/** What a program may import of a package: `etcdkit`, `@etcdkit/kv/kubernetes`, ... */
export function entryPoints({ name, manifest }) {
  return Object.keys(manifest.exports)
    .filter((path) => path !== "./package.json")
    .map((path) => name + path.slice(1));
}
