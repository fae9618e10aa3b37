import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A path inside the checkout. */
export const inRoot = (...parts) => join(root, ...parts);

export function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** The program behind a command of the workspace's own tools, to be run with Node. */
export function toolPath(dependency, command = dependency) {
  const directory = inRoot("node_modules", dependency);
  const { bin } = readJson(join(directory, "package.json"));
  return join(directory, typeof bin === "string" ? bin : bin[command]);
}

/** The folders under `packages/`, with what their package.json says. */
export function packages() {
  return readdirSync(inRoot("packages"))
    .map((folder) => inRoot("packages", folder))
    .filter((directory) => existsSync(join(directory, "package.json")))
    .map((directory) => ({ directory, manifest: readJson(join(directory, "package.json")) }));
}
