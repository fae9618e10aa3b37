import type { MetricName } from "../report/metrics.js";

/** What is shown of calls that are made one by one. */
export const operationMetrics: readonly MetricName[] = [
  "rate",
  "p50",
  "p99",
  "p999",
  "cpu",
  "rss",
  "allocated",
];
