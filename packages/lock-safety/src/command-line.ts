import { parseArgs } from "node:util";
import { type Bug, bugs } from "./bugs.js";

/** What `lock-safety` is asked for. */
export interface Command {
  readonly minutes: number;
  readonly seed: number;
  readonly processes: number;
  readonly bug: Bug | undefined;
  readonly help: boolean;
}

export const usage: string = `Usage: pnpm lock-safety [options]

  --minutes <n>    how long, from 0.5 to 600; default 2. Processes are paused in the second half of it
  --seed <n>       of all that is left to chance, from 0 to 4294967295; default: another one each time
  --processes <n>  how many processes contend, from 2 to 20; default 5
  --bug <name>     plants a bug in the locks, with which the run has to fail: ${bugs.join(", ")}
`;

/** @throws `TypeError` or `RangeError` that names the wrong option. */
export function parseCommand(args: readonly string[]): Command {
  const { values } = parseArgs({
    args: args[0] === "--" ? args.slice(1) : [...args], // `pnpm lock-safety -- --seed 1` hands on the `--`
    options: {
      minutes: { type: "string", default: "2" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
      processes: { type: "string", default: "5" },
      bug: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    minutes: inRange("minutes", values.minutes, 0.5, 600),
    seed: whole("seed", values.seed, 0, 2 ** 32 - 1),
    processes: whole("processes", values.processes, 2, 20),
    bug: values.bug === undefined ? undefined : bugNamed(values.bug),
    help: values.help,
  };
}

function bugNamed(name: string): Bug {
  const bug = bugs.find((each) => each === name);
  if (bug !== undefined) return bug;
  throw new RangeError(`bug: expected one of ${bugs.join(", ")}, got ${name}`);
}

function inRange(option: string, text: string, least: number, most: number): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new RangeError(`${option}: expected ${least} to ${most}, got ${text}`);
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = inRange(option, text, least, most);
  if (Number.isInteger(value)) return value;
  throw new RangeError(`${option}: expected a whole number, got ${text}`);
}
