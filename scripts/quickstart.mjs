import { existsSync } from "node:fs";
import { fetchEtcd } from "./fetch-etcd.mjs";
import { entry } from "./lib/entry.mjs";
import { Failure } from "./lib/failure.mjs";
import { run } from "./lib/run.mjs";
import { inRoot } from "./lib/workspace.mjs";
import { setUp } from "./setup.mjs";

/** Sets everything up and shows the client at work, on the cluster of `ETCD_ENDPOINTS` or else on one of its own. */
await entry(import.meta.url, async (args) => {
  await setUp();
  if (!process.env.ETCD_ENDPOINTS) await fetchEtcd("first");
  const program = inRoot("packages", "examples", "dist", "quickstart.js");
  if (!existsSync(program))
    throw new Failure(`${program} was not built: run \`npm run build\` and look at what it says.`);
  const { code } = await run(process.execPath, [program, ...args], { show: true });
  return code;
});
