import { fetchEtcd } from "../../scripts/fetch-etcd.mjs";
import { entry } from "../../scripts/lib/entry.mjs";
import { run } from "../../scripts/lib/run.mjs";
import { inRoot } from "../../scripts/lib/workspace.mjs";
import { setUp } from "../../scripts/setup.mjs";

/** Builds everything, sees to it that there is a server, and begins. */
await entry(import.meta.url, async (args) => {
  await setUp();
  await fetchEtcd("first");
  const path = inRoot("packages", "lock-safety", "dist", "main.js");
  const { code } = await run(process.execPath, [path, ...args], { show: true });
  return code;
});
