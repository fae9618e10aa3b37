/** `pnpm bench:profile`: draws where the CPU time of a client goes. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseProfileCommand, profileUsage } from "./command-line.js";
import { interruption } from "./interruption.js";
import { type CpuProfile, callTree, hottest } from "./profile/cpu-profile.js";
import { flameGraph } from "./profile/flame-graph.js";
import { describeSample } from "./report/describe-sample.js";
import { percent } from "./report/figures.js";
import { markdownTable } from "./report/markdown-table.js";
import { runJob } from "./run-job.js";
import { startServer } from "./server.js";
import { warmUpOf } from "./workloads/workload.js";

const reports = fileURLToPath(new URL("../../../reports/", import.meta.url));
const usualWarmUpMs = 1_000;
const samplingUs = 200;
const shownFunctions = 20;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});

async function main(args: readonly string[]): Promise<number> {
  const { workload, client, measureMs, help } = parseProfileCommand(args);
  if (help) {
    process.stdout.write(profileUsage);
    return 0;
  }
  const warmUpMs = warmUpOf(workload, usualWarmUpMs);
  const signal = interruption();
  await mkdir(reports, { recursive: true });
  const name = `profile-${client.name}-${workload.name}`;
  await using server = await startServer(workload);
  const [endpoint = ""] = server.endpoints;
  const sample = await runJob(
    { client: client.name, endpoint, workload, warmUpMs, measureMs },
    {
      signal,
      nodeArguments: [
        "--cpu-prof",
        `--cpu-prof-interval=${samplingUs}`,
        `--cpu-prof-dir=${reports}`,
        `--cpu-prof-name=${name}.cpuprofile`,
      ],
    },
  );
  if (sample.window === undefined) throw new Error("the measuring process did not say when it measured");
  const profile = JSON.parse(await readFile(join(reports, `${name}.cpuprofile`), "utf8")) as CpuProfile;
  const tree = callTree(profile, sample.window);
  const title = `${client.title}, ${workload.name}, while profiled: ${describeSample(sample, workload)}`;
  const file = join(reports, `${name}.svg`);
  await writeFile(file, flameGraph(title, tree));

  const rows = hottest(tree)
    .slice(0, shownFunctions)
    .map((one) => [percent(one.selfUs / tree.totalUs), one.name, one.place]);
  const columns = [{ title: "Self", numeric: true }, { title: "Function" }, { title: "Where" }];
  process.stdout.write(`${title}\n\n${markdownTable(columns, rows)}\n\nFlame graph: ${file}\n`);
  return 0;
}
