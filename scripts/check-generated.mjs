import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { entry } from "./lib/entry.mjs";
import { Failure } from "./lib/failure.mjs";
import { run } from "./lib/run.mjs";
import { inRoot, root, toolPath } from "./lib/workspace.mjs";

const generated = join("packages", "core", "src", "gen");

/** Checks the protocol's style, and that the code in the repository is what its .proto files generate. */
await entry(import.meta.url, async () => {
  await buf("lint");
  const temporary = mkdtempSync(join(tmpdir(), "etcdkit-generated-"));
  try {
    await buf("generate", "--output", temporary);
    const differences = compare(inRoot(generated), join(temporary, generated));
    if (differences.length > 0) {
      throw new Failure(
        "The generated code is not what proto/ generates: run `pnpm generate` and commit what changes.",
        differences.join("\n"),
      );
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  console.log("proto/ is clean and the generated code is fresh");
});

async function buf(...args) {
  const { code, output } = await run(process.execPath, [toolPath("@bufbuild/buf", "buf"), ...args], {
    cwd: root,
    env: { PATH: [inRoot("node_modules", ".bin"), process.env.PATH].join(delimiter) },
  });
  if (code !== 0) throw new Failure(`buf ${args[0]} fails.`, output);
}

function compare(committed, fresh) {
  const list = (directory) =>
    readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = (directory) =>
    list(directory).map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
  const [before, after] = [new Set(paths(committed)), new Set(paths(fresh))];
  const differences = [];
  for (const path of new Set([...before, ...after])) {
    if (!before.has(path)) differences.push(`${path} is missing`);
    else if (!after.has(path)) differences.push(`${path} comes from no .proto file`);
    else if (!readFileSync(join(committed, path)).equals(readFileSync(join(fresh, path))))
      differences.push(`${path} differs`);
  }
  return differences;
}
