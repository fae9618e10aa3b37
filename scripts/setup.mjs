import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { entry } from "./lib/entry.mjs";
import { Failure, machineFault } from "./lib/failure.mjs";
import { run } from "./lib/run.mjs";
import { during, say } from "./lib/say.mjs";
import { inRoot, packages, root, toolPath } from "./lib/workspace.mjs";

const stampFile = inRoot("node_modules", ".etcdkit-setup");

/** Installs the workspace's dependencies, unless nothing has changed since the last time. */
export async function installDependencies() {
  const stamp = dependencyStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) {
    say("setup", "dependencies are up to date");
    return;
  }
  const result = await during("setup", "install dependencies (pnpm install)", () =>
    // CI: pnpm asks no questions.
    run("pnpm", ["install", "--frozen-lockfile"], { cwd: root, env: { CI: "true" } }),
  );
  if (result.code !== 0) throw new Failure(installFault(result.output), result.output);
  writeFileSync(stampFile, stamp);
}

/** Builds every package that has changed since it was last built. */
export async function build() {
  const result = await during("setup", "build the packages (turbo run build)", () => turbo("build"));
  if (result.code !== 0) {
    throw new Failure(
      "The packages do not build: see below, or `npm run build` for all of it.",
      result.output,
    );
  }
}

/** Runs one task of every package that has it, with turbo's local cache. */
export function turbo(task, ...options) {
  // Without a `packageManager` field, which npm would hold against us, turbo's inference takes this for a single package.
  const args = ["run", task, "--skip-infer", "--output-logs=errors-only", "--cache=local:rw", ...options];
  return run(process.execPath, [toolPath("turbo"), ...args], {
    cwd: root,
    env: { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", DO_NOT_TRACK: "1" },
  });
}

/** Everything that must be there before a program of this workspace can run. */
export async function setUp() {
  await installDependencies();
  await build();
}

function dependencyStamp() {
  const files = [
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    ".pnpmfile.mjs",
    "package.json",
    "tools/consumer/package.json",
  ]
    .map((file) => inRoot(file))
    .concat(packages().map(({ directory }) => join(directory, "package.json")));
  const hash = createHash("sha256").update(process.version);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

function installFault(output) {
  if (/ERR_PNPM_OUTDATED_LOCKFILE|frozen-lockfile/.test(output)) {
    return "pnpm-lock.yaml does not fit the package.json files: run `pnpm install` and commit the lockfile.";
  }
  return machineFault(output) ?? "pnpm could not install the dependencies: see below.";
}

await entry(import.meta.url, setUp);
