import { mkdtempSync, rmSync } from "node:fs";
import { arch, release, tmpdir, type } from "node:os";
import { join } from "node:path";
import { fetchEtcd } from "./fetch-etcd.mjs";
import { entry } from "./lib/entry.mjs";
import { Failure, Interrupted, report } from "./lib/failure.mjs";
import { failuresIn } from "./lib/failures.mjs";
import { run } from "./lib/run.mjs";
import { seconds } from "./lib/say.mjs";
import { none, ofExitCode, ofReport, sum } from "./lib/tally.mjs";
import { inRoot, root, toolPath } from "./lib/workspace.mjs";
import { build, installDependencies, turbo } from "./setup.mjs";

let servers = [];

/** In the order in which they run: what others need first, then what tells most in the shortest time. */
const steps = {
  build: { title: "Build", run: () => passes(build) },
  etcd: { title: "Fetch real etcd servers", run: () => passes(fetchServers) },
  generated: { title: "Generated code is fresh", run: () => script("check-generated.mjs") },
  types: { title: "Types", run: checkTypes },
  lint: { title: "Lint and format", run: () => tool("@biomejs/biome", "biome", "ci", "--colors=off") },
  reference: { title: "Everything exported is documented", run: () => script("reference.mjs", "--check") },
  snippets: { title: "Programs in the READMEs are fresh", run: () => script("snippets.mjs", "--check") },
  unit: { title: "Unit tests", run: (temporary) => tests("unit", temporary) },
  integration: { title: "Integration tests", run: (temporary) => tests("integration", temporary) },
  examples: { title: "Examples", run: (temporary) => tests("examples", temporary) },
  "lock-safety": { title: "Lock safety, for two minutes", run: tryLocks },
  packages: { title: "Packages as they are published", run: () => script("check-packages.mjs") },
};
/** These are done as well when only others are asked for: every step needs a build, and some need servers. */
const groundwork = ["build", "etcd"];
const needsServers = ["integration", "examples", "lock-safety"];

await entry(import.meta.url, async (args) => {
  const chosen = choose(args);
  await installDependencies();
  const temporary = mkdtempSync(join(tmpdir(), "etcdkit-test-"));
  try {
    return summarize(await runAll(chosen, temporary, interruption()));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
});

/** `--only unit,lint` runs these alone. */
function choose(args) {
  const [flag, list, ...rest] = args;
  if (flag === undefined) return Object.keys(steps);
  const names = (list ?? "").split(",").filter(Boolean);
  const wrong = names.filter((name) => !(name in steps));
  if (flag !== "--only" || names.length === 0 || rest.length > 0 || wrong.length > 0) {
    throw new Failure(
      `Usage: npm test -- --only <steps>, with one or more of ${Object.keys(steps).join(",")}.`,
    );
  }
  return Object.keys(steps).filter((name) => names.includes(name) || isGroundworkOf(name, names));
}

function isGroundworkOf(name, names) {
  if (name === "etcd") return names.some((other) => needsServers.includes(other));
  return groundwork.includes(name);
}

async function runAll(chosen, temporary, interrupted) {
  const results = [];
  for (const name of chosen) {
    const { title, run: step } = steps[name];
    console.log(`\n── ${title} ${"─".repeat(Math.max(0, 60 - title.length))}`);
    const started = performance.now();
    const tally = await step(temporary);
    if (interrupted.aborted) throw new Interrupted();
    const milliseconds = performance.now() - started;
    console.log(`${tally.failed === 0 ? "passed" : "FAILED"} after ${seconds(milliseconds)}`);
    const failures = failuresIn(reportOf(name, temporary));
    for (const failure of failures) console.log(failure);
    results.push({ name, title, tally, failures, milliseconds });
  }
  return results;
}

function summarize(results) {
  const total = sum(results.map(({ tally }) => tally));
  const ran = total.passed + total.failed > 0;
  const row = (title, cells) => title.padEnd(36) + cells.map((cell) => String(cell).padStart(10)).join("");
  console.log(`\n${row("", ["passed", "failed", "skipped", "time"])}`);
  for (const { title, tally, milliseconds } of results) {
    console.log(row(title, [tally.passed, tally.failed, tally.skipped, seconds(milliseconds)]));
  }
  const failures = results.flatMap((result) => result.failures);
  if (failures.length > 0) console.log(`\nTests that failed:\n${failures.join("\n")}`);
  const versions = servers.map(({ version }) => version).join(", ") || "none";
  console.log(`\netcd ${versions} | Node ${process.versions.node} | ${type()} ${release()} ${arch()}`);
  if (!ran) console.log("Nothing ran.");
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed === 0 && ran ? 0 : 1;
}

async function fetchServers() {
  servers = await fetchEtcd("all");
}

async function checkTypes() {
  const { code, output } = await turbo("typecheck", "--continue");
  if (code !== 0) console.log(output.trimEnd());
  return ofExitCode(code);
}

/** A step that throws has failed, and the others go on. */
async function passes(action) {
  try {
    await action();
    return ofExitCode(0);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    report(error);
    return ofExitCode(1);
  }
}

/** By itself, since it pauses processes and measures what that does. */
async function tryLocks() {
  if (servers.length === 0) return withoutServers();
  const program = inRoot("packages", "lock-safety", "dist", "main.js");
  const { code } = await run(process.execPath, [program], { cwd: root, show: true });
  return ofExitCode(code);
}

function withoutServers() {
  console.log("There is no etcd server to run against.");
  return { ...none, failed: 1 };
}

async function script(name, ...args) {
  const { code } = await run(process.execPath, [inRoot("scripts", name), ...args], { cwd: root, show: true });
  return ofExitCode(code);
}

async function tool(dependency, command, ...args) {
  const { code } = await run(process.execPath, [toolPath(dependency, command), ...args], {
    cwd: root,
    show: true,
  });
  return ofExitCode(code);
}

async function tests(project, temporary) {
  if (needsServers.includes(project) && servers.length === 0) return withoutServers();
  const file = reportOf(project, temporary);
  const args = ["run", "--project", project, "--allowOnly=false", "--reporter=default", "--reporter=json"];
  const { code } = await run(process.execPath, [toolPath("vitest"), ...args, `--outputFile.json=${file}`], {
    cwd: root,
    show: true,
  });
  return ofReport(code, file);
}

/** Where the test run of a step reports; steps of other kinds leave nothing there. */
function reportOf(step, temporary) {
  return join(temporary, `${step}.json`);
}

/** Aborts when the person at the keyboard has had enough: the running step is told by `run`, no other begins. */
function interruption() {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => controller.abort());
  return controller.signal;
}
