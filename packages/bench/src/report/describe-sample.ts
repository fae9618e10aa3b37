import type { Sample } from "../job.js";
import { workloadKinds } from "../workloads/all.js";
import type { Workload } from "../workloads/workload.js";
import { formatMetric, metrics } from "./metrics.js";

// The report has them all.
const shownMetrics = 4;

/** What a sample tells, in a line. */
export function describeSample(sample: Sample, workload: Workload): string {
  return workloadKinds[workload.kind].metrics
    .slice(0, shownMetrics)
    .map((name) => `${metrics[name].title} ${formatMetric(metrics[name].of(sample, workload))}`)
    .join("; ");
}
