import { cpSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Failure, machineFault } from "./failure.mjs";
import { run } from "./run.mjs";
import { isSuitableNode } from "./toolchain.mjs";
import { inRoot, readJson } from "./workspace.mjs";

const tools = inRoot("tools", "consumer");
const npmOptions = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];

/** Makes a project that has the tarballs installed by npm, as a user's would, and returns its folder. */
export async function installTarballs(directory, tarballs) {
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module" }),
  );
  const { code, output } = await run("npm", ["install", ...npmOptions, ...tarballs], { cwd: directory });
  if (code !== 0)
    throw new Failure(machineFault(output) ?? "npm cannot install the packed packages.", output);
}

/** Installs what packages name as peers, for those of their entry points that need them. */
export async function installPeers(directory, manifests) {
  const peers = Object.assign({}, ...manifests.map(({ peerDependencies }) => peerDependencies));
  const wanted = Object.entries(peers).map(([name, range]) => `${name}@${range}`);
  if (wanted.length === 0) return;
  const { code, output } = await run("npm", ["install", ...npmOptions, ...wanted], { cwd: directory });
  if (code !== 0) throw new Failure(machineFault(output) ?? "npm cannot install the peers.", output);
}

/** How much an installation is: packages below `node_modules`, and the bytes of their files. */
export function sizeOf(directory) {
  const modules = join(directory, "node_modules");
  const installed = Object.keys(readJson(join(modules, ".package-lock.json")).packages).filter(Boolean);
  const files = readdirSync(modules, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const bytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
  return { packages: installed.length, bytes };
}

/** Every Node of PATH that the packages support, one per version. */
export async function nodesAtHand() {
  const nodes = new Map([[process.version, process.execPath]]);
  for (const folder of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const path = join(folder, process.platform === "win32" ? "node.exe" : "node");
    const { code, output } = await run(path, ["--version"]);
    const version = output.trim();
    if (code === 0 && isSuitableNode(version) && !nodes.has(version)) nodes.set(version, path);
  }
  return [...nodes].map(([version, path]) => ({ version, path }));
}

/** Loads every entry point with `import()` and with `require()`; both must give the same names. */
export async function loadFaults(directory, entryPoints, node) {
  const print = "process.stdout.write(JSON.stringify(names))";
  const list = JSON.stringify(entryPoints);
  const keys = "Object.keys(module).filter((key) => key !== 'module.exports').sort()";
  const programs = {
    "import()": `const names = {}; for (const path of ${list}) { const module = await import(path); names[path] = ${keys}; } ${print}`,
    "require()": `const names = {}; for (const path of ${list}) { const module = require(path); names[path] = ${keys}; } ${print}`,
  };
  const faults = [];
  const loaded = {};
  for (const [way, program] of Object.entries(programs)) {
    const file = join(directory, way === "import()" ? "load.mjs" : "load.cjs");
    writeFileSync(file, program);
    // Node 22.12 warns that require() of a module is new; that is not a fault of ours.
    const { code, output } = await run(node.path, ["--disable-warning=ExperimentalWarning", file], {
      cwd: directory,
    });
    if (code === 0) loaded[way] = output;
    else faults.push(`${way} under Node ${node.version}: ${output.trim()}`);
  }
  if (faults.length > 0) return faults;
  if (loaded["import()"] !== loaded["require()"]) {
    faults.push(
      `import() and require() give different names: ${loaded["import()"]} and ${loaded["require()"]}`,
    );
  }
  for (const [path, names] of Object.entries(JSON.parse(loaded["import()"]))) {
    if (names.length === 0) faults.push(`${path} exports nothing`);
  }
  return faults;
}

/** Type-checks the consumer's program against the installed packages under each TypeScript that we support. */
export async function typeFaults(directory) {
  for (const file of ["consumer.ts", "tsconfig.json"]) cpSync(join(tools, file), join(directory, file));
  mkdirSync(join(directory, "node_modules", "@types"), { recursive: true });
  // A link, not a copy: what these types need lies beside the place that it leads to.
  symlinkSync(
    join(tools, "node_modules", "@types", "node"),
    join(directory, "node_modules", "@types", "node"),
    "junction",
  );
  const faults = [];
  for (const alias of Object.keys(readJson(join(tools, "package.json")).devDependencies)) {
    if (!alias.startsWith("typescript-")) continue;
    const { bin, version } = readJson(join(tools, "node_modules", alias, "package.json"));
    const compiler = join(tools, "node_modules", alias, bin.tsc);
    const { code, output } = await run(process.execPath, [compiler, "-p", "."], { cwd: directory });
    if (code !== 0) faults.push(`TypeScript ${version}: ${output.trim()}`);
  }
  return faults;
}

/** Milliseconds that it takes to import a package, Node's own start taken off: the median of five runs each. */
export async function importTime(directory, name) {
  const median = async (program) => {
    const times = [];
    for (let i = 0; i < 5; i++) {
      const started = performance.now();
      const { code, output } = await run(process.execPath, ["--input-type=module", "-e", program], {
        cwd: directory,
      });
      if (code !== 0) throw new Failure(`${name} cannot be imported.`, output);
      times.push(performance.now() - started);
    }
    return times.sort((a, b) => a - b)[2];
  };
  const bare = await median("0");
  return (await median(`await import(${JSON.stringify(name)})`)) - bare;
}
