import type { Measurement } from "../run-bench.js";
import { type Spread, spreadOf } from "../statistics.js";
import { type MetricName, metrics } from "./metrics.js";

/** Answers what a client's median was in one workload. */
export class Summary {
  readonly #measurements: readonly Measurement[];

  constructor(measurements: readonly Measurement[]) {
    this.#measurements = measurements;
  }

  /** Undefined when there is no sample. */
  spread(workload: string, client: string, metric: MetricName): Spread | undefined {
    const found = this.#measurements.find((one) => one.workload.name === workload && one.client === client);
    if (found === undefined || found.samples.length === 0) return undefined;
    return spreadOf(found.samples.map((sample) => metrics[metric].of(sample, found.workload)));
  }
}
