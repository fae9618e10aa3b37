import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  importTime,
  installPeers,
  installTarballs,
  loadFaults,
  nodesAtHand,
  sizeOf,
  typeFaults,
} from "./lib/consumer.mjs";
import { entry } from "./lib/entry.mjs";
import { entryPoints, faultsOf, packAll } from "./lib/tarballs.mjs";

/** Packs what would be published, and uses it as a stranger would. */
await entry(import.meta.url, async () => {
  const temporary = mkdtempSync(join(tmpdir(), "etcdkit-packages-"));
  try {
    return (await check(temporary)) ? 0 : 1;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});

async function check(temporary) {
  let passed = true;
  const tell = (title, faults) => {
    console.log(`${faults.length === 0 ? "passed" : "FAILED"}  ${title}`);
    for (const fault of faults) console.log(fault.replace(/^/gm, "        "));
    passed &&= faults.length === 0;
  };

  const packed = await packAll(temporary);
  for (const tarball of packed) {
    tell(`the tarball of ${tarball.name}: its files, its manifest, publint, attw`, await faultsOf(tarball));
  }

  const project = join(temporary, "consumer");
  await installTarballs(
    project,
    packed.map(({ tarball }) => tarball),
  );
  const size = sizeOf(project);
  tell("a program that uses the packages, under TypeScript 5.9, 6 and 7", await typeFaults(project));
  // Only now: whoever installs the packages gets none of these.
  await installPeers(
    project,
    packed.map(({ manifest }) => manifest),
  );
  const points = packed.flatMap(entryPoints);
  for (const node of await nodesAtHand()) {
    tell(
      `import() and require() of ${points.length} entry points, Node ${node.version}`,
      await loadFaults(project, points, node),
    );
  }
  const megabytes = (size.bytes / 1e6).toFixed(2);
  console.log(`etcdkit installs ${size.packages} packages, ${megabytes} MB`);
  // What does not load has been told above, and takes no time.
  if (passed) console.log(`etcdkit takes ${(await importTime(project, "etcdkit")).toFixed(0)} ms to import`);
  return passed;
}
