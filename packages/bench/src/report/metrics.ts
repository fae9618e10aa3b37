import { percentileMs } from "../histogram.js";
import type { Sample } from "../job.js";
import type { Workload } from "../workloads/workload.js";

/** Something that a sample tells about a client. */
export interface Metric {
  /** With its unit. */
  readonly title: string;
  readonly better: "more" | "less";
  /** In the unit of the title; undefined where the sample does not tell. */
  of(sample: Sample, workload: Workload): number | undefined;
}

export type MetricName =
  | "rate"
  | "eventRate"
  | "keyRate"
  | "renewals"
  | "p50"
  | "p99"
  | "p999"
  | "cpu"
  | "cpuPerKey"
  | "cpuPerEvent"
  | "cpuPerRenewal"
  | "cpuPerSecond"
  | "heapEach"
  | "peakMemory"
  | "requests"
  | "events"
  | "rss"
  | "allocated"
  | "allocatedPerEvent";

/** All of them. Which are shown is up to the kind of a workload. */
export const metrics: Readonly<Record<MetricName, Metric>> = {
  rate: rate("ops/s"),
  eventRate: partRate("events/s"),
  keyRate: partRate("keys/s"),
  renewals: rate("renewals/s"),
  p50: latency("p50, ms", 0.5),
  p99: latency("p99, ms", 0.99),
  p999: latency("p99.9, ms", 0.999),
  cpu: cpuPerOperation("CPU per op, us"),
  cpuPerKey: cpuPerPart("CPU per key, us"),
  cpuPerEvent: cpuPerPart("CPU per event, us"),
  cpuPerRenewal: cpuPerOperation("CPU per renewal, us"),
  cpuPerSecond: {
    title: "CPU per second, ms",
    better: "less",
    of: ({ cpuSeconds, seconds }) => (cpuSeconds / seconds) * 1e3,
  },
  heapEach: {
    title: "heap each, B",
    better: "less",
    of: ({ heldBytes }, { held = 1 }) => (heldBytes === undefined ? undefined : heldBytes / held),
  },
  peakMemory: {
    title: "peak heap and buffers, MiB",
    better: "less",
    of: ({ peakMemoryBytes }) => (peakMemoryBytes === undefined ? undefined : peakMemoryBytes / 2 ** 20),
  },
  requests: {
    title: "requests per op",
    better: "less",
    of: ({ requestsPerOperation }) => requestsPerOperation,
  },
  events: {
    title: "watch events per op",
    better: "less",
    of: ({ eventsPerOperation }) => eventsPerOperation,
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
  allocatedPerEvent: {
    title: "heap per event, B",
    better: "less",
    of: ({ allocatedBytes, operations }, { keysPerOperation }) =>
      allocatedBytes / (operations * keysPerOperation),
  },
};

function rate(title: string): Metric {
  return { title, better: "more", of: ({ operations, seconds }) => operations / seconds };
}

function partRate(title: string): Metric {
  return {
    title,
    better: "more",
    of: ({ operations, seconds }, { keysPerOperation }) => (operations * keysPerOperation) / seconds,
  };
}

function cpuPerOperation(title: string): Metric {
  return { title, better: "less", of: ({ cpuSeconds, operations }) => (cpuSeconds / operations) * 1e6 };
}

function cpuPerPart(title: string): Metric {
  return {
    title,
    better: "less",
    of: ({ cpuSeconds, operations }, { keysPerOperation }) =>
      (cpuSeconds / (operations * keysPerOperation)) * 1e6,
  };
}

function latency(title: string, share: number): Metric {
  return { title, better: "less", of: ({ latencies }) => percentileMs(latencies, share) };
}

/** As {@link formatNumber}; empty where there is none. */
export function formatMetric(value: number | undefined): string {
  return value === undefined ? "" : formatNumber(value);
}

/** Three digits that count, or all of those before the point: `0.0123`, `12.3`, `31,204`. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
