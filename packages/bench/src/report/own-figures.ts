import { clients } from "../clients/clients.js";
import { ratio } from "../statistics.js";
import { type Bound, formatBound, formatRatio, judge } from "./figures.js";
import { type Column, markdownTable } from "./markdown-table.js";
import { formatMetric, formatNumber, type MetricName, metrics } from "./metrics.js";
import type { Summary } from "./summary.js";

/**
 * What a value of ours is seen beside: that of another client, as a ratio, or ours in another workload, as a difference
 * (`workload`) or as a ratio (`timesWorkload`).
 */
export type Beside =
  | { readonly client: string }
  | { readonly workload: string }
  | { readonly timesWorkload: string };

/** A promise about one value of ours. */
export interface OwnFigure {
  readonly title: string;
  readonly metric: MetricName;
  readonly workload: string;
  /** Left out: the value itself is bounded, in the unit of its metric. */
  readonly beside?: Beside | undefined;
  readonly bound: Bound;
}

const besideBareStream: Beside = { client: "grpc-js" };
const besideReading: Beside = { workload: "watch-reading-consumers" };

/** What we hold ourselves to where it is not a ratio to etcd3 and Go. */
export const ownFigures: readonly OwnFigure[] = [
  {
    title: "events/s",
    metric: "eventRate",
    workload: "watch-catch-up",
    beside: besideBareStream,
    bound: { must: 1 },
  },
  {
    title: "client CPU per event, us",
    metric: "cpuPerEvent",
    workload: "watch-catch-up",
    beside: besideBareStream,
    bound: { must: 1 },
  },
  {
    title: "p99 latency, ms",
    metric: "p99",
    workload: "watch-stopped-consumer",
    beside: besideReading,
    bound: { must: 100 },
  },
  {
    title: "peak heap and buffers, MiB",
    metric: "peakMemory",
    workload: "watch-stopped-consumer",
    beside: besideReading,
    bound: { must: 64 },
  },
  {
    title: "heap of a watch, B",
    metric: "heapEach",
    workload: "watchers-idle-10000",
    bound: { must: 1_024 },
  },
  {
    title: "the same and its reader's, B",
    metric: "heapEach",
    workload: "watchers-awaited-10000",
    bound: {},
  },
  { title: "heap of a lease, B", metric: "heapEach", workload: "leases-1000", bound: {} },
  { title: "heap of a lease, B", metric: "heapEach", workload: "leases-10000", bound: { must: 1_024 } },
  // Each release wakes the one who waits behind it, and nobody else.
  {
    title: "wake-ups for a release",
    metric: "events",
    workload: "lock-contended-100",
    bound: { must: 1.01 },
  },
  {
    title: "keys/s",
    metric: "keyRate",
    workload: "leasing-get",
    beside: { timesWorkload: "get-1" },
    bound: { must: 20 },
  },
];

/** The table of those of which something was measured; undefined where there is none. */
export function ownFiguresTable(summary: Summary): string | undefined {
  const columns: readonly Column[] = [
    { title: "Work" },
    { title: "Figure" },
    { title: "etcdkit", numeric: true },
    { title: "held against" },
    { title: "found", numeric: true },
    { title: "must (goal)" },
    { title: "" },
  ];
  const rows = ownFigures.flatMap((figure) => {
    const { title, metric, workload, beside, bound } = figure;
    const own = summary.spread(workload, "ours", metric);
    if (own === undefined) return [];
    const { better } = metrics[metric];
    const found = foundFor(summary, figure);
    const isRatio = beside !== undefined && !("workload" in beside);
    const shown = isRatio ? formatRatio(found) : formatMetric(found);
    const cells = [title, formatNumber(own.median), describeBeside(beside), shown];
    return [[workload, ...cells, formatBound(bound, better), judge(found, bound, better)]];
  });
  return rows.length === 0 ? undefined : markdownTable(columns, rows);
}

function foundFor(summary: Summary, { metric, workload, beside }: OwnFigure): number | undefined {
  const own = summary.spread(workload, "ours", metric);
  if (own === undefined) return undefined;
  if (beside === undefined) return own.median;
  if ("client" in beside) return ratio(own, summary.spread(workload, beside.client, metric));
  if ("timesWorkload" in beside) return ratio(own, summary.spread(beside.timesWorkload, "ours", metric));
  const other = summary.spread(beside.workload, "ours", metric);
  return other && own.median - other.median;
}

function describeBeside(beside: Beside | undefined): string {
  if (beside === undefined) return "itself";
  if ("workload" in beside) return `more than in ${beside.workload}`;
  if ("timesWorkload" in beside) return `x ${beside.timesWorkload}`;
  return `x ${clients.find(({ name }) => name === beside.client)?.title ?? beside.client}`;
}
