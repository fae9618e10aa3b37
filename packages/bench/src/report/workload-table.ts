import { clients } from "../clients/clients.js";
import { ratio, type Spread } from "../statistics.js";
import type { Workload } from "../workloads/workload.js";
import { formatRatio, percent } from "./figures.js";
import { type Column, markdownTable } from "./markdown-table.js";
import { formatNumber, type MetricName, metrics } from "./metrics.js";
import type { Summary } from "./summary.js";

/** What a workload is, in words. */
export function describeWorkload({ name, kind, inFlight, valueBytes, keys }: Workload): string {
  const flight = `${inFlight} in flight`;
  const size = valueBytes < 1024 ? `${valueBytes} B` : `${valueBytes / 1024} KiB`;
  const work = {
    get: `get of one key, values of ${size}`,
    put: `put of one key, values of ${size}`,
    txn: `transaction of 3 compares and 3 puts, values of ${size}`,
    range: `range of ${keys.toLocaleString("en")} ${keys === 1 ? "key" : "keys"}, values of ${size}`,
  };
  return `${name}: ${work[kind]}, ${flight}`;
}

/** All clients in one workload, with ratios of ops/s. */
export function workloadTable(summary: Summary, workload: Workload): string {
  const shown = (Object.keys(metrics) as MetricName[]).filter(
    (name) => name !== "cpuPerKey" || workload.kind === "range",
  );
  const columns: readonly Column[] = [
    { title: "Client" },
    ...shown.map((name) => ({ title: metrics[name].title, numeric: true })),
    { title: "ops/s, least to most", numeric: true },
    { title: "x etcd3", numeric: true },
    { title: "x Go", numeric: true },
    { title: "of the ceiling", numeric: true },
  ];
  const rate = (client: string): Spread | undefined => summary.spread(workload.name, client, "rate");
  const rows = clients.flatMap(({ name: client, title }) => {
    const own = rate(client);
    if (own === undefined) return [];
    const share = ratio(own, rate("ceiling"));
    return [
      [
        title,
        ...shown.map((metric) => {
          const spread = summary.spread(workload.name, client, metric);
          return spread === undefined ? "" : formatNumber(spread.median);
        }),
        `${formatNumber(own.least)} to ${formatNumber(own.most)}`,
        formatRatio(ratio(own, rate("etcd3"))),
        formatRatio(ratio(own, rate("go"))),
        share === undefined ? "" : percent(share),
      ],
    ];
  });
  return rows.length === 0 ? "Nothing was measured." : markdownTable(columns, rows);
}
