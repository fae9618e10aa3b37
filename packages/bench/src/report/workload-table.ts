import { clients } from "../clients/clients.js";
import { ratio, type Spread } from "../statistics.js";
import { takesPart, workloadKinds } from "../workloads/all.js";
import type { Workload } from "../workloads/workload.js";
import { formatRatio, percent } from "./figures.js";
import { type Column, markdownTable } from "./markdown-table.js";
import { formatNumber, metrics } from "./metrics.js";
import type { Summary } from "./summary.js";

/** All clients in one workload, with ratios of what is most important in it. */
export function workloadTable(summary: Summary, workload: Workload): string {
  const { metrics: shown } = workloadKinds[workload.kind];
  const [main = "rate"] = shown;
  // Where there is no ceiling, a bare stream is what comes closest.
  const [limit, limitTitle] = takesPart("ceiling", workload)
    ? ["ceiling", "of the ceiling"]
    : ["grpc-js", "x grpc-js"];
  const columns: readonly Column[] = [
    { title: "Client" },
    ...shown.map((name) => ({ title: metrics[name].title, numeric: true })),
    { title: `${metrics[main].title}, least to most`, numeric: true },
    { title: "x etcd3", numeric: true },
    { title: "x Go", numeric: true },
    { title: limitTitle, numeric: true },
  ];
  const spread = (client: string): Spread | undefined => summary.spread(workload.name, client, main);
  const rows = clients.flatMap(({ name: client, title }) => {
    const own = spread(client);
    if (own === undefined) return [];
    const share = ratio(own, spread(limit));
    return [
      [
        title,
        ...shown.map((metric) => {
          const found = summary.spread(workload.name, client, metric);
          return found === undefined ? "" : formatNumber(found.median);
        }),
        `${formatNumber(own.least)} to ${formatNumber(own.most)}`,
        formatRatio(ratio(own, spread("etcd3"))),
        formatRatio(ratio(own, spread("go"))),
        limit === "ceiling" && share !== undefined ? percent(share) : formatRatio(share),
      ],
    ];
  });
  return rows.length === 0 ? "Nothing was measured." : markdownTable(columns, rows);
}
