import { type ClientChoice, clients } from "./clients/clients.js";
import type { Sample } from "./job.js";
import { describeSample } from "./report/describe-sample.js";
import { rotated } from "./rotated.js";
import { runJob } from "./run-job.js";
import { startServer } from "./server.js";
import { takesPart } from "./workloads/all.js";
import { type Workload, warmUpOf } from "./workloads/workload.js";

/** What is to be measured, and how long. */
export interface BenchPlan {
  readonly workloads: readonly Workload[];
  readonly clients: readonly ClientChoice[];
  /** How often each client does each workload. */
  readonly runs: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly goProgram?: string | undefined;
}

/** All that one client did in one workload. */
export interface Measurement {
  readonly workload: Workload;
  /** {@link ClientChoice.name}. */
  readonly client: string;
  readonly samples: readonly Sample[];
  /** Why runs came to nothing. */
  readonly failures: readonly string[];
}

/** Told about each run. */
export type Tell = (text: string) => void;

/**
 * Measures. The clients take turns, and another one begins each round, so that whatever else happens on the machine
 * meets all of them alike. A run that fails does not stop the others.
 *
 * @throws `signal.reason` on abort; Error when there is no server.
 */
export async function runBench(
  plan: BenchPlan,
  tell: Tell,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = [];
  for (const workload of plan.workloads) {
    const found = plan.clients
      .filter(({ name }) => takesPart(name, workload))
      .map(({ name }) => ({ client: name, samples: [] as Sample[], failures: [] as string[] }));
    for (let run = 0; run < plan.runs; run++) {
      for (const { client, samples, failures } of rotated(found, run)) {
        const outcome = await runOnce(plan, workload, client, signal);
        if ("reason" in outcome) failures.push(outcome.reason);
        else samples.push(outcome);
        tell(`${workload.name} ${run + 1}/${plan.runs} ${titleOf(client)}: ${describe(outcome, workload)}`);
      }
    }
    measurements.push(...found.map((one) => ({ workload, ...one })));
  }
  return measurements;
}

type Outcome = Sample | { readonly reason: string };

async function runOnce(
  plan: BenchPlan,
  workload: Workload,
  client: string,
  signal: AbortSignal,
): Promise<Outcome> {
  signal.throwIfAborted();
  await using server = await startServer(workload);
  const [endpoint = ""] = server.endpoints;
  const { measureMs } = plan;
  const warmUpMs = warmUpOf(workload, plan.warmUpMs);
  const program = client === "go" ? plan.goProgram : undefined;
  try {
    return await runJob({ client, endpoint, workload, warmUpMs, measureMs }, { program, signal });
  } catch (error) {
    signal.throwIfAborted();
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

function titleOf(client: string): string {
  return clients.find(({ name }) => name === client)?.title ?? client;
}

function describe(outcome: Outcome, workload: Workload): string {
  return "reason" in outcome ? `FAILED, ${outcome.reason}` : describeSample(outcome, workload);
}
