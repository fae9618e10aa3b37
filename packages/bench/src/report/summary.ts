import type { Measurement } from "../run-bench.js";
import { type Spread, spreadOf } from "../statistics.js";
import { type MetricName, metrics } from "./metrics.js";

/** Answers what a client's median was in one workload. */
export class Summary {
  readonly #measurements: readonly Measurement[];

  constructor(measurements: readonly Measurement[]) {
    this.#measurements = measurements;
  }

  /** Undefined when there is no sample that tells. */
  spread(workload: string, client: string, metric: MetricName): Spread | undefined {
    const found = this.#measurements.find((one) => one.workload.name === workload && one.client === client);
    if (found === undefined || found.samples.length === 0) return undefined;
    const values = found.samples.map((sample) => metrics[metric].of(sample, found.workload));
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? undefined : spreadOf(known);
  }
}
