import { inspect } from "node:util";
import { parseCommand, usage } from "./command-line.js";
import { canPauseLeaders } from "./faults.js";
import { reportOf } from "./report.js";
import { runContention } from "./run.js";

/** Ends the run in order when the person at the keyboard has had enough. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => controller.abort(new Error(`interrupted by ${signal}`)));
  }
  return controller.signal;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const interrupted = interruption();

async function main(): Promise<number> {
  const command = parseCommand(process.argv.slice(2));
  if (command.help) {
    say(usage);
    return 0;
  }
  const { minutes, seed, processes } = command;
  say(`${processes} processes for ${minutes} min (--seed ${seed} repeats what is left to chance)`);
  const recording = await runContention(command, interrupted);
  const { lines, failures } = reportOf(recording, minutes);
  const { etcdVersion } = recording;
  say(`etcd ${etcdVersion}, three members`);
  if (!canPauseLeaders(etcdVersion))
    say(`left out: pauses of leaders, after which etcd ${etcdVersion} may revoke leases that live`);
  for (const line of lines) say(line);
  for (const failure of failures) say(`FAILED: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

let code = 1;
try {
  code = await main();
} catch (error) {
  const explained = error === interrupted.reason || error instanceof TypeError || error instanceof RangeError;
  process.stderr.write(`${explained && error instanceof Error ? error.message : inspect(error)}\n`);
}
// What an interruption has cut short is not waited for.
process.exit(code);
