// Runs the fuzzer on the sources: `pnpm fuzz [--inputs 1000000] [--seed n]`. Needs a Node that strips types (22.18, 24 or
// later). Ends with 1 when an input failed.
import { registerHooks } from "node:module";
import { parseArgs } from "node:util";

// Sources name each other by the file that they will be built into.
registerHooks({
  resolve(specifier, context, next) {
    const isOurs = specifier.startsWith(".") && !context.parentURL?.includes("/node_modules/");
    return next(isOurs ? specifier.replace(/\.js$/, ".ts") : specifier, context);
  },
});

const { values } = parseArgs({
  options: { inputs: { type: "string", default: "1000000" }, seed: { type: "string" } },
});
const inputs = wholeNumber("inputs", values.inputs);
const seed =
  values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : wholeNumber("seed", values.seed);

const { runFuzz } = await import("./fuzz/run.ts");
console.log(`${inputs} inputs from seed ${seed}`);
const report = await runFuzz(inputs, seed, (done) => {
  if (process.stdout.isTTY) process.stdout.write(`\r${done}`);
});
console.log(
  `\n${report.inputs} inputs in ${report.seconds.toFixed(1)} s (${Math.round(report.inputs / report.seconds)}/s), ` +
    `at most ${Math.round(report.growthBytes / 2 ** 20)} MiB of memory more than at the start`,
);
for (const [ending, count] of [...report.endings].sort(([, a], [, b]) => b - a).slice(0, 30)) {
  console.log(`${String(count).padStart(9)}  ${ending}`);
}
for (const { seed: failed, what } of report.failures) console.error(`FAILED seed ${failed}: ${what}`);
process.exitCode = report.failures.length === 0 ? 0 : 1;

function wholeNumber(name, text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`--${name}: expected a whole number, got ${text}`);
  return value;
}
