/** `pnpm bench`: measures clients of etcd side by side and shows what came of it. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BenchCommand, benchUsage, parseBenchCommand } from "./command-line.js";
import { buildGoBench } from "./go-program.js";
import { interruption } from "./interruption.js";
import { type BenchResult, joinResults, parseResult, resultFormat } from "./report/bench-result.js";
import { collectFacts } from "./report/collect-facts.js";
import { renewPage } from "./report/page.js";
import { pictureOf } from "./report/picture.js";
import { reportOf } from "./report/report.js";
import { runBench } from "./run-bench.js";

const warmUpMs = 1_000;
// Above this the machine is doing something else, and figures say more about that.
const quietLoad = 0.5;
const docs = new URL("../../../docs/", import.meta.url);

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  tell(error instanceof Error ? error.message : String(error));
  return 1;
});

async function main(args: readonly string[]): Promise<number> {
  const command = parseBenchCommand(args);
  if (command.help) {
    process.stdout.write(benchUsage);
    return 0;
  }
  const result =
    command.from === undefined
      ? await measureAll(command)
      : joinResults(await Promise.all(command.from.map(readResult)));
  if (command.json !== undefined) await writeFile(command.json, `${JSON.stringify(result)}\n`);
  process.stdout.write(`${reportOf(result)}\n`);
  if (command.docs) await writeDocs(result);
  return result.measurements.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

async function readResult(file: string): Promise<BenchResult> {
  return parseResult(await readFile(file, "utf8"));
}

async function measureAll(command: BenchCommand): Promise<BenchResult> {
  const facts = await collectFacts();
  if (facts.loadBefore > quietLoad) {
    tell(`The machine is busy (load ${facts.loadBefore.toFixed(1)}): these figures are not to be kept.`);
  }
  const go = await goProgram(command);
  const clients = command.clients.filter(({ open }) => open !== undefined || go !== undefined);
  const { workloads, runs, measureMs } = command;
  const plan = { workloads, clients, runs, warmUpMs, measureMs, goProgram: go };
  const measurements = await runBench(plan, tell, interruption());
  return { format: resultFormat, facts, runs, warmUpMs, measureMs, measurements };
}

/** The program of the client that is not JavaScript, where it is wanted and can be had. */
async function goProgram({ clients }: BenchCommand): Promise<string | undefined> {
  if (clients.every(({ open }) => open !== undefined)) return undefined;
  const built = await buildGoBench();
  if (built === undefined) tell("There is no Go on PATH: its client is skipped.");
  return built;
}

async function writeDocs(result: BenchResult): Promise<void> {
  const page = new URL("performance.md", docs);
  const picture = pictureOf(result);
  if (picture !== undefined) await writeFile(new URL("performance.svg", docs), picture);
  const shown = picture === undefined ? "" : "![The clients side by side](performance.svg)\n\n";
  await writeFile(page, renewPage(await readFile(page, "utf8"), shown + reportOf(result)));
  tell(`Wrote ${fileURLToPath(page)}`);
}

/** Beside the report, which has stdout to itself. */
function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
