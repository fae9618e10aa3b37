import { percentileMs } from "../histogram.js";
import type { Sample } from "../job.js";
import type { Workload } from "../workloads/workload.js";

/** Something that a sample tells about a client. */
export interface Metric {
  /** With its unit. */
  readonly title: string;
  readonly better: "more" | "less";
  /** In the unit of the title. */
  of(sample: Sample, workload: Workload): number;
}

export type MetricName = "rate" | "p50" | "p99" | "p999" | "cpu" | "cpuPerKey" | "rss" | "allocated";

/** All of them, in the order in which they are shown. */
export const metrics: Readonly<Record<MetricName, Metric>> = {
  rate: {
    title: "ops/s",
    better: "more",
    of: ({ operations, seconds }) => operations / seconds,
  },
  p50: latency("p50, ms", 0.5),
  p99: latency("p99, ms", 0.99),
  p999: latency("p99.9, ms", 0.999),
  cpu: {
    title: "CPU per op, us",
    better: "less",
    of: ({ cpuSeconds, operations }) => (cpuSeconds / operations) * 1e6,
  },
  cpuPerKey: {
    title: "CPU per key, us",
    better: "less",
    of: ({ cpuSeconds, operations }, { keysPerOperation }) =>
      (cpuSeconds / (operations * keysPerOperation)) * 1e6,
  },
  rss: {
    title: "peak RSS, MiB",
    better: "less",
    of: ({ peakRssBytes }) => peakRssBytes / 2 ** 20,
  },
  allocated: {
    title: "heap per op, KiB",
    better: "less",
    of: ({ allocatedBytes, operations }) => allocatedBytes / operations / 1024,
  },
};

function latency(title: string, share: number): Metric {
  return { title, better: "less", of: ({ latencies }) => percentileMs(latencies, share) };
}

/** Three digits that count, or all of those before the point: `0.0123`, `12.3`, `31,204`. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
