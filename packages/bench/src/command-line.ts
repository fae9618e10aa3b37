import { parseArgs } from "node:util";
import { type ClientChoice, chooseClients, clients } from "./clients/clients.js";
import { chooseWorkloads, takesPart, workloads } from "./workloads/all.js";
import type { Workload } from "./workloads/workload.js";

/** What `bench` is asked for. */
export interface BenchCommand {
  readonly workloads: readonly Workload[];
  readonly clients: readonly ClientChoice[];
  readonly runs: number;
  readonly measureMs: number;
  /** Where the result is written. */
  readonly json?: string | undefined;
  /** Results that are shown together instead of measuring. */
  readonly from?: readonly string[] | undefined;
  /** Whether the page and the picture of the docs are written anew. */
  readonly docs: boolean;
  readonly help: boolean;
}

export const benchUsage: string = `Usage: pnpm bench [options]

  --only <names>      workloads, kinds of them (get) or families of kinds (watch, lease), separated by commas;
                      default: all of
                      ${list(workloads.map(({ name }) => name))}
  --clients <names>   default: all of ${list(clients.map(({ name }) => name))}
  --runs <n>          how often each client does each workload, 1 to 100; default 5
  --seconds <n>       how long each run is measured, 0.1 to 60; default 3
  --json <file>       writes all samples to a file
  --from <files>      shows the samples of such files, separated by commas, instead of measuring
  --docs              writes docs/performance.md and docs/performance.svg anew
`;

/** @throws `TypeError` or `RangeError` that names the wrong option. */
export function parseBenchCommand(args: readonly string[]): BenchCommand {
  const { values } = parseArgs({
    args: withoutSeparator(args),
    options: {
      only: { type: "string" },
      clients: { type: "string" },
      runs: { type: "string" },
      seconds: { type: "string" },
      json: { type: "string" },
      from: { type: "string" },
      docs: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    workloads: values.only === undefined ? workloads : chooseWorkloads(names("only", values.only)),
    clients: values.clients === undefined ? clients : chooseClients(names("clients", values.clients)),
    runs: number("runs", values.runs, { otherwise: 5, least: 1, most: 100, whole: true }),
    measureMs: number("seconds", values.seconds, { otherwise: 3, least: 0.1, most: 60 }) * 1000,
    json: values.json,
    from: values.from === undefined ? undefined : names("from", values.from),
    docs: values.docs,
    help: values.help,
  };
}

/** What `bench:profile` is asked for. */
export interface ProfileCommand {
  readonly workload: Workload;
  readonly client: ClientChoice;
  readonly measureMs: number;
  readonly help: boolean;
}

export const profileUsage: string = `Usage: pnpm bench:profile [options]

  --workload <name>   default: get-64
  --client <name>     default: ours; any but go
  --seconds <n>       how long is measured, 0.1 to 60; default 5
`;

/** @throws `TypeError` or `RangeError` that names the wrong option. */
export function parseProfileCommand(args: readonly string[]): ProfileCommand {
  const { values } = parseArgs({
    args: withoutSeparator(args),
    options: {
      workload: { type: "string", default: "get-64" },
      client: { type: "string", default: "ours" },
      seconds: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const [client] = chooseClients([values.client]);
  if (client?.open === undefined)
    throw new RangeError(`client: ${values.client} is not written in JavaScript`);
  const workload = workloads.find(({ name }) => name === values.workload);
  if (workload === undefined) {
    throw new RangeError(
      `workload: there is no ${values.workload}. There are ${list(workloads.map(({ name }) => name))}`,
    );
  }
  if (!takesPart(client.name, workload))
    throw new RangeError(`client: ${client.name} takes no part in ${workload.name}`);
  const measureMs = number("seconds", values.seconds, { otherwise: 5, least: 0.1, most: 60 }) * 1000;
  return { workload, client, measureMs, help: values.help };
}

/** `pnpm bench -- --runs 1` hands on the `--`. */
function withoutSeparator(args: readonly string[]): string[] {
  return args[0] === "--" ? args.slice(1) : [...args];
}

function names(option: string, text: string): readonly string[] {
  const found = text
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  if (found.length === 0) throw new TypeError(`${option}: expected names, separated by commas`);
  return found;
}

function number(
  option: string,
  text: string | undefined,
  range: { readonly otherwise: number; readonly least: number; readonly most: number; readonly whole?: true },
): number {
  if (text === undefined) return range.otherwise;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= range.least && value <= range.most) || (range.whole && !Number.isInteger(value))) {
    const kind = range.whole ? "a whole number" : "a number";
    throw new RangeError(`${option}: expected ${kind} from ${range.least} to ${range.most}, got ${text}`);
  }
  return value;
}

function list(parts: readonly string[]): string {
  return parts.join(", ");
}
