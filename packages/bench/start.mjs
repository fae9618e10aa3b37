import { fetchEtcd } from "../../scripts/fetch-etcd.mjs";
import { entry } from "../../scripts/lib/entry.mjs";
import { run } from "../../scripts/lib/run.mjs";
import { inRoot } from "../../scripts/lib/workspace.mjs";
import { setUp } from "../../scripts/setup.mjs";

/** Builds everything, sees to it that there is a server, and runs the program of this package that is named first. */
await entry(import.meta.url, async ([program, ...args]) => {
  await setUp();
  await fetchEtcd("first");
  const path = inRoot("packages", "bench", "dist", `${program}.js`);
  const { code } = await run(process.execPath, [path, ...args], { show: true });
  return code;
});
