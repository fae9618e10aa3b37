import { ratio, type Spread } from "../statistics.js";
import { type Column, markdownTable } from "./markdown-table.js";
import { formatNumber, type MetricName, metrics } from "./metrics.js";
import type { Summary } from "./summary.js";

/** What a value has to reach, from the side that is worse. */
export interface Bound {
  readonly must?: number | undefined;
  readonly goal?: number | undefined;
}

/** A promise about our client beside others. */
export interface Figure {
  readonly title: string;
  readonly metric: MetricName;
  readonly workloads: readonly string[];
  readonly etcd3: Bound;
  readonly go: Bound;
}

/** What we hold ourselves to, as ratios of medians. */
export const figures: readonly Figure[] = [
  {
    title: "ops/s",
    metric: "rate",
    workloads: ["get-64", "put-64"],
    etcd3: { must: 3.5, goal: 4 },
    go: { must: 1.1, goal: 1.25 },
  },
  {
    title: "ops/s",
    metric: "rate",
    workloads: ["get-512", "put-512"],
    etcd3: { must: 4.5, goal: 5.5 },
    go: { must: 1.2, goal: 1.4 },
  },
  {
    title: "client CPU per op, us",
    metric: "cpu",
    workloads: ["get-64", "put-64", "get-512", "put-512"],
    etcd3: { must: 0.12, goal: 0.08 },
    go: { must: 0.6, goal: 0.4 },
  },
  {
    title: "p50 latency, ms",
    metric: "p50",
    workloads: ["get-1"],
    etcd3: { must: 0.75 },
    go: { must: 1.05 },
  },
  {
    title: "p99 latency, ms",
    metric: "p99",
    workloads: ["get-64", "put-64"],
    etcd3: { must: 0.4 },
    go: { must: 1.2 },
  },
  {
    title: "client CPU per key, us",
    metric: "cpuPerKey",
    workloads: ["range-10000"],
    etcd3: { must: 0.3 },
    go: { must: 1.5 },
  },
  {
    title: "peak RSS, MiB",
    metric: "rss",
    workloads: ["get-512", "put-512"],
    etcd3: { must: 0.6 },
    go: {},
  },
  {
    title: "events/s",
    metric: "eventRate",
    workloads: ["watch-fan-out-1000", "watch-fan-out-10000", "watch-catch-up"],
    etcd3: {},
    go: {},
  },
  {
    title: "client CPU per event, us",
    metric: "cpuPerEvent",
    workloads: ["watch-fan-out-1000", "watch-fan-out-10000", "watch-catch-up"],
    etcd3: {},
    go: {},
  },
  { title: "ops/s", metric: "rate", workloads: ["lock-1", "lock-64"], etcd3: {}, go: { must: 1 } },
  {
    title: "ops/s",
    metric: "rate",
    workloads: ["lock-contended-100", "stm-16", "stm-64", "stm-hot-16"],
    etcd3: {},
    go: {},
  },
  { title: "keys/s", metric: "keyRate", workloads: ["leasing-get"], etcd3: {}, go: {} },
];

/** Holds a ratio of ours to theirs, or another value, against its bound. */
export function judge(found: number | undefined, bound: Bound, better: "more" | "less"): string {
  if (found === undefined) return bound.must === undefined ? "" : "not measured";
  const reaches = (limit: number): boolean => (better === "more" ? found >= limit : found <= limit);
  if (bound.must === undefined) return "reported";
  if (!reaches(bound.must)) return `missed by ${percent(Math.abs(found - bound.must) / bound.must)}`;
  return bound.goal !== undefined && reaches(bound.goal) ? "goal met" : "met";
}

/** The table of all of them of which something was measured; undefined where there is none. */
export function figuresTable(summary: Summary): string | undefined {
  const columns: readonly Column[] = [
    { title: "Work" },
    { title: "Figure" },
    { title: "etcdkit", numeric: true },
    { title: "x etcd3", numeric: true },
    { title: "must (goal)" },
    { title: "" },
    { title: "x Go", numeric: true },
    { title: "must (goal)" },
    { title: "" },
    { title: "of the ceiling", numeric: true },
  ];
  const rows = figures.flatMap(({ title, metric, workloads, ...bounds }) =>
    workloads.flatMap((workload) => {
      const spread = (client: string): Spread | undefined => summary.spread(workload, client, metric);
      const ours = spread("ours");
      if (ours === undefined) return [];
      const { better } = metrics[metric];
      const verdicts = (["etcd3", "go"] as const).flatMap((other) => {
        const found = ratio(ours, spread(other));
        return [formatRatio(found), formatBound(bounds[other], better), judge(found, bounds[other], better)];
      });
      // Of other things than the rate, the ceiling's are in the tables of the workloads.
      const share = metric === "rate" ? ratio(ours, spread("ceiling")) : undefined;
      const shown = share === undefined ? "" : percent(share);
      return [[workload, title, formatNumber(ours.median), ...verdicts, shown]];
    }),
  );
  return rows.length === 0 ? undefined : markdownTable(columns, rows);
}

/** `3.91`; empty when there is none. */
export function formatRatio(found: number | undefined): string {
  return found === undefined ? "" : found.toPrecision(3);
}

export function percent(share: number): string {
  const hundredths = share * 100;
  return `${hundredths < 10 ? hundredths.toFixed(1) : hundredths.toFixed(0)} %`;
}

/** `>= 3.5 (4)`; empty when nothing must be. */
export function formatBound({ must, goal }: Bound, better: "more" | "less"): string {
  if (must === undefined) return "";
  return `${better === "more" ? ">=" : "<="} ${must}${goal === undefined ? "" : ` (${goal})`}`;
}
