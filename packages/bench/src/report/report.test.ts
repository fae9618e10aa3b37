import { describe, expect, it } from "vitest";
import { Histogram } from "../histogram.js";
import type { Sample } from "../job.js";
import type { Measurement } from "../run-bench.js";
import { workloads } from "../workloads/all.js";
import type { Workload } from "../workloads/workload.js";
import { type BenchResult, joinResults, parseResult, resultFormat } from "./bench-result.js";
import { figuresTable, judge } from "./figures.js";
import { ownFiguresTable } from "./own-figures.js";
import { pictureOf } from "./picture.js";
import { reportOf } from "./report.js";
import { Summary } from "./summary.js";

function workload(name: string): Workload {
  const found = workloads.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

/** A sample of one second. */
function sample(operations: number, cpuMicroseconds: number, latencyMs = 1): Sample {
  const histogram = new Histogram();
  histogram.record(latencyMs);
  return {
    operations,
    seconds: 1,
    cpuSeconds: (operations * cpuMicroseconds) / 1e6,
    peakRssBytes: 100 * 2 ** 20,
    allocatedBytes: operations * 2048,
    collections: 1,
    latencies: histogram.buckets(),
  };
}

const measured = (name: string, client: string, ...samples: readonly Sample[]): Measurement => ({
  workload: workload(name),
  client,
  samples,
  failures: [],
});

const measurements: readonly Measurement[] = [
  measured("get-64", "ours", sample(39_000, 11), sample(40_000, 10), sample(41_000, 9)),
  measured("get-64", "etcd3", sample(10_000, 100)),
  measured("get-64", "go", sample(38_000, 20)),
  measured("get-64", "ceiling", sample(50_000, 5)),
  { ...measured("range-100", "ours", sample(1_000, 500)), failures: ["ended with exit 1"] },
];

const result: BenchResult = {
  format: resultFormat,
  facts: {
    date: "2026-11-20",
    cpu: "2 x Processor",
    memory: "24 GiB",
    kernel: "Linux 6",
    node: "24.0.0",
    etcd: "3.7.1",
    go: "none",
    clients: "etcd3 1.1.2",
    loadBefore: 0.1,
  },
  runs: 3,
  warmUpMs: 1_000,
  measureMs: 3_000,
  measurements,
};

/** The cells of the row that begins with this one. */
function row(table: string, ...start: readonly string[]): readonly string[] {
  const rows = table.split("\n").map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
  return rows.find((cells) => start.every((cell, at) => cells[at] === cell)) ?? [];
}

describe("judge", () => {
  it("holds a ratio against what must be and what is hoped for", () => {
    const bound = { must: 3.5, goal: 4 };
    expect(judge(4, bound, "more")).toBe("goal met");
    expect(judge(3.5, bound, "more")).toBe("met");
    expect(judge(3.15, bound, "more")).toBe("missed by 10 %");
    expect(judge(undefined, bound, "more")).toBe("not measured");
    expect(judge(1.2, {}, "less")).toBe("reported");
    expect(judge(undefined, {}, "less")).toBe("");
  });

  it("turns around where less is better", () => {
    const bound = { must: 0.12, goal: 0.08 };
    expect(judge(0.08, bound, "less")).toBe("goal met");
    expect(judge(0.12, bound, "less")).toBe("met");
    expect(judge(0.126, bound, "less")).toBe("missed by 5.0 %");
    expect(judge(0.1, { must: 0.12 }, "less")).toBe("met");
  });
});

describe("figuresTable", () => {
  const table = figuresTable(new Summary(measurements)) ?? "";

  it("shows ratios of medians, their verdicts and the share of the ceiling", () => {
    expect(row(table, "get-64", "ops/s")).toEqual([
      ...["get-64", "ops/s", "40,000"],
      ...["4.00", ">= 3.5 (4)", "goal met"],
      ...["1.05", ">= 1.1 (1.25)", "missed by 4.3 %"],
      "80 %",
    ]);
    expect(row(table, "get-64", "client CPU per op, us").slice(3, 6)).toEqual([
      "0.100",
      "<= 0.12 (0.08)",
      "met",
    ]);
  });

  it("leaves out what was not measured of ours", () => {
    expect(table).not.toContain("put-64");
    expect(figuresTable(new Summary([]))).toBeUndefined();
  });
});

describe("ownFiguresTable", () => {
  const held = (bytesEach: number): Sample => ({
    ...sample(0, 0),
    heldBytes: bytesEach * 10_000,
    latencies: [],
  });
  const peak = (mebibytes: number, latencyMs: number): Sample => ({
    ...sample(100, 10, latencyMs),
    peakMemoryBytes: mebibytes * 2 ** 20,
  });
  const table =
    ownFiguresTable(
      new Summary([
        measured("watch-catch-up", "ours", sample(2, 4e5)),
        measured("watch-catch-up", "grpc-js", sample(1, 8e5)),
        measured("watchers-idle-10000", "ours", held(1_126.4)),
        measured("leases-10000", "ours", held(1_000), held(900), held(1_100)),
        measured("watch-stopped-consumer", "ours", peak(150, 30)),
        measured("watch-reading-consumers", "ours", peak(100, 20)),
      ]),
    ) ?? "";

  it("bounds values by themselves", () => {
    expect(row(table, "leases-10000").slice(2)).toEqual(["1,000", "itself", "1,000", "<= 1024", "met"]);
    expect(row(table, "watchers-idle-10000").at(-1)).toBe("missed by 10 %");
  });

  it("bounds ratios to a bare stream", () => {
    const against = "x grpc-js and protobuf-es";
    expect(row(table, "watch-catch-up", "events/s").slice(3)).toEqual([against, "2.00", ">= 1", "met"]);
    expect(row(table, "watch-catch-up", "client CPU per event, us").slice(2)).toEqual([
      ...["1", against, "0.500", "<= 1", "met"],
    ]);
  });

  it("bounds differences to another workload", () => {
    const against = "more than in watch-reading-consumers";
    expect(row(table, "watch-stopped-consumer", "peak heap and buffers, MiB").slice(2)).toEqual([
      ...["150", against, "50", "<= 64", "met"],
    ]);
    expect(Number(row(table, "watch-stopped-consumer", "p99 latency, ms")[4])).toBeCloseTo(10, 0);
  });

  it("bounds ratios to another workload, and what the server counts", () => {
    const found =
      ownFiguresTable(
        new Summary([
          measured("get-1", "ours", sample(4_000, 90)),
          measured("leasing-get", "ours", sample(500, 900)),
          measured("lock-contended-100", "ours", { ...sample(2_000, 99), eventsPerOperation: 1.5 }),
        ]),
      ) ?? "";
    expect(row(found, "leasing-get").slice(2)).toEqual(["500,000", "x get-1", "125", ">= 20", "met"]);
    expect(row(found, "lock-contended-100").slice(2)).toEqual([
      ...["1.5", "itself", "1.5", "<= 1.01", "missed by 49 %"],
    ]);
  });

  it("says so where there is nothing to compare with, and leaves out what was not measured of ours", () => {
    const alone = new Summary([measured("watch-catch-up", "ours", sample(2, 4e5))]);
    expect(row(ownFiguresTable(alone) ?? "", "watch-catch-up").at(-1)).toBe("not measured");
    const theirs = new Summary([measured("watch-catch-up", "grpc-js", sample(1, 8e5))]);
    expect(ownFiguresTable(theirs)).toBeUndefined();
  });
});

describe("reportOf", () => {
  const report = reportOf(result);

  it("tells the machine, the runs, and every client in every workload", () => {
    expect(report).toContain("etcd 3.7.1, Node 24.0.0");
    expect(report).toContain(
      "Medians of 3 alternating runs of 3 s, each after 1 s of warm-up unless it says otherwise.",
    );
    expect(report).toContain("### get-64: get of one key, values of 256 B, 64 in flight");
    expect(row(report, "etcdkit", "40,000")).toEqual([
      ...["etcdkit", "40,000", "1", "1", "1", "10", "100", "2"],
      ...["39,000 to 41,000", "4.00", "1.05", "80 %"],
    ]);
  });

  it("divides by keys where an operation reads many", () => {
    expect(report).toContain("### range-100: range of 100 keys");
    expect(row(report, "etcdkit", "1,000").slice(5, 7)).toEqual(["500", "5"]);
  });

  it("shows of a workload what counts in it", () => {
    const catchUp = measured("watch-catch-up", "ours", sample(2, 4e5));
    const bare = measured("watch-catch-up", "grpc-js", sample(1, 8e5));
    const text = reportOf({ ...result, measurements: [catchUp, bare] });
    expect(text).toContain(
      "### watch-catch-up: one watch through a history of 400,000 events, 100 to a revision, values of 16 B",
    );
    expect(row(text, "Client")).toEqual([
      ...["Client", "events/s", "CPU per event, us", "p50, ms", "peak RSS, MiB", "heap per event, B"],
      ...["events/s, least to most", "x etcd3", "x Go", "x grpc-js"],
    ]);
    expect(row(text, "etcdkit").slice(0, 3)).toEqual(["etcdkit", "800,000", "1"]);
    expect(row(text, "etcdkit").at(-1)).toBe("2.00");
  });

  it("says so when nothing was measured", () => {
    expect(reportOf({ ...result, measurements: [] })).toContain("None of the figures was measured.");
  });

  it("tells which runs failed, and why", () => {
    expect(report).toContain("### Failed runs\n\n- range-100, ours: ended with exit 1");
    const whole = { ...result, measurements: measurements.slice(0, 4) };
    expect(reportOf(whole)).not.toContain("Failed");
  });
});

describe("pictureOf", () => {
  it("draws what was measured of the workloads that tell most", () => {
    const picture = pictureOf(result) ?? "";
    expect(picture).toContain("get-64: ops/s (more is better)");
    expect(picture).toContain(">40,000</text>");
    expect(picture).not.toContain("put-64");
  });

  it("is none when nothing of that was measured", () => {
    expect(pictureOf({ ...result, measurements: measurements.slice(4) })).toBeUndefined();
  });
});

describe("parseResult", () => {
  it("reads what was written", () => {
    expect(parseResult(JSON.stringify(result))).toEqual(result);
  });

  it("refuses another format", () => {
    expect(() => parseResult(JSON.stringify({ ...result, format: 0 }))).toThrow(TypeError);
    expect(() => parseResult("null")).toThrow(/format 1/);
    expect(() => parseResult("")).toThrow(/from: the file is not JSON/);
  });
});

describe("joinResults", () => {
  const more: BenchResult = {
    ...result,
    facts: { ...result.facts, date: "2026-11-21", loadBefore: 0.3 },
    measurements: [measured("put-64", "ours", sample(30_000, 12)), measured("get-64", "ours", sample(1, 1))],
  };

  it("shows parts as one; of a workload that is in two the later counts, with its clients", () => {
    const joined = joinResults([result, more]);
    expect(joined.measurements.map(({ workload, client }) => [workload.name, client])).toEqual([
      ["range-100", "ours"],
      ["put-64", "ours"],
      ["get-64", "ours"],
    ]);
    expect(joined.facts).toMatchObject({ date: "2026-11-21", loadBefore: 0.3 });
    expect(joinResults([more, result]).facts).toMatchObject({ date: "2026-11-20", loadBefore: 0.3 });
    expect(joinResults([result])).toEqual(result);
  });

  it("refuses parts that cannot be compared, and none at all", () => {
    const other = { ...more, facts: { ...more.facts, node: "26.0.0" } };
    expect(() => joinResults([result, other])).toThrow("from: the files differ in node");
    expect(() => joinResults([result, { ...more, runs: 5 }])).toThrow("from: the files differ in runs");
    expect(() => joinResults([])).toThrow("from: there is no file");
  });
});
