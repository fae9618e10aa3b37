import type { BenchResult } from "./bench-result.js";
import { describeWorkload } from "./describe-workload.js";
import { describeFacts } from "./facts.js";
import { figuresTable } from "./figures.js";
import { ownFiguresTable } from "./own-figures.js";
import { Summary } from "./summary.js";
import { workloadTable } from "./workload-table.js";

/** The whole report in Markdown: what the terminal and the page of the docs show. */
export function reportOf(result: BenchResult): string {
  const { measurements, runs, warmUpMs, measureMs } = result;
  const summary = new Summary(measurements);
  const workloads = new Map(measurements.map(({ workload }) => [workload.name, workload]));
  const failures = measurements.flatMap(({ workload, client, failures: reasons }) =>
    reasons.map((reason) => `- ${workload.name}, ${client}: ${reason}`),
  );
  const figures = [figuresTable(summary), ownFiguresTable(summary)].filter((table) => table !== undefined);
  const paragraphs = [
    describeFacts(result.facts),
    `Medians of ${runs} ${runs === 1 ? "run" : "alternating runs"} of ${measureMs / 1000} s, each after ${warmUpMs / 1000} s of warm-up unless it says otherwise.`,
    ...(figures.length === 0 ? ["None of the figures was measured."] : figures),
    ...[...workloads.values()].flatMap((workload) => [
      `### ${describeWorkload(workload)}`,
      workloadTable(summary, workload),
    ]),
    ...(failures.length === 0 ? [] : ["### Failed runs", failures.join("\n")]),
  ];
  return paragraphs.join("\n\n");
}
