import { clients } from "../clients/clients.js";
import { type Bar, barChart, type Panel } from "./bar-chart.js";
import type { BenchResult } from "./bench-result.js";
import { formatNumber, type MetricName, metrics } from "./metrics.js";
import { Summary } from "./summary.js";

const chosen: readonly (readonly [workload: string, metric: MetricName])[] = [
  ["get-64", "rate"],
  ["put-64", "rate"],
  ["get-512", "rate"],
  ["put-512", "rate"],
  ["get-64", "cpu"],
  ["put-64", "cpu"],
  ["get-64", "p99"],
  ["get-512", "rss"],
  ["watch-catch-up", "eventRate"],
  ["leases-10000", "heapEach"],
  ["lock-1", "rate"],
  ["stm-64", "rate"],
];

/** Draws what tells most of a result; undefined when none of that was measured. */
export function pictureOf({ measurements }: BenchResult): string | undefined {
  const summary = new Summary(measurements);
  const panels = chosen.flatMap(([workload, metric]): Panel[] => {
    const bars = clients.flatMap(({ name, title }): Bar[] => {
      const spread = summary.spread(workload, name, metric);
      if (spread === undefined) return [];
      const style = name === "ours" ? "own" : name === "ceiling" ? "limit" : "other";
      return [{ label: title, value: spread.median, text: formatNumber(spread.median), style }];
    });
    if (bars.length === 0) return [];
    const { title, better } = metrics[metric];
    return [{ title: `${workload}: ${title} (${better} is better)`, bars }];
  });
  return panels.length === 0 ? undefined : barChart("Clients of etcd side by side", panels);
}
