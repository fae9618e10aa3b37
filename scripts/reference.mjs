import { join, relative } from "node:path";
import { Application, OptionDefaults } from "typedoc";
import { entry } from "./lib/entry.mjs";
import { inRoot, packages, root } from "./lib/workspace.mjs";

const output = inRoot("reports", "reference");

// Generated: its description are the .proto files.
const withoutReference = ["@etcdkit/core/protocol"];

/**
 * Builds the reference of all published packages, as pages under `reports/reference`. With `--check` it only makes sure that
 * nothing is exported without a comment and that links between comments lead somewhere.
 */
await entry(import.meta.url, async (args) => {
  const modules = exportedModules();
  const application = await Application.bootstrap({
    name: "etcdkit",
    entryPoints: [...modules.keys()],
    tsconfig: inRoot("tsconfig.reference.json"),
    readme: "none",
    logLevel: "Warn",
    // The step "Types" has done that.
    skipErrorChecking: true,
    excludeExternals: true,
    excludePrivate: true,
    disableSources: true,
    treatWarningsAsErrors: true,
    blockTags: [...OptionDefaults.blockTags, "@generated"],
    excludeTags: ["@generated"],
    validation: { invalidLink: true, notDocumented: true, notExported: false },
    packagesRequiringDocumentation: packages().map(({ manifest }) => manifest.name),
    // What is said of a property by its name and type need not be said twice.
    requiredToBeDocumented: [
      "Enum",
      "Variable",
      "Function",
      "Class",
      "Interface",
      "TypeAlias",
      "Method",
      "Accessor",
    ],
  });
  const project = await application.convert();
  if (project === undefined) return 1;
  nameModules(project, modules);
  application.validate(project);
  if (application.logger.hasErrors() || application.logger.hasWarnings()) return 1;
  if (!args.includes("--check")) {
    await application.generateDocs(project, output);
    if (application.logger.hasErrors()) return 1;
  }
  const where = args.includes("--check") ? "" : ` in ${relative(root, join(output, "index.html"))}`;
  console.log(`${modules.size} modules are documented${where}`);
  return 0;
});

/** The sources behind what users import, each with the name that they import it by. */
function exportedModules() {
  const published = packages().filter(({ manifest }) => manifest.private !== true);
  return new Map(
    published.flatMap(({ directory, manifest }) =>
      Object.entries(manifest.exports)
        .map(([path, target]) => [target["@etcdkit/source"], join(manifest.name, path)])
        .filter(([source, name]) => source !== undefined && !withoutReference.includes(name))
        .map(([source, name]) => [join(directory, source), name]),
    ),
  );
}

/** The reference calls modules after their files, and users after what they import. */
function nameModules(project, modules) {
  for (const child of project.children ?? []) {
    const file = project.getSymbolIdFromReflection(child)?.fileName;
    const name = modules.get(file);
    if (name === undefined) throw new Error(`the module ${child.name} is none that is exported`);
    child.name = name;
  }
}
