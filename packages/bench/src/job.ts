import type { BucketCount } from "./histogram.js";
import type { Workload } from "./workloads/workload.js";

/** What a measuring process is told, as JSON in its last argument. */
export interface Job {
  /** A client of {@link clients}. */
  readonly client: string;
  /** `http://host:port` of the one server. */
  readonly endpoint: string;
  readonly workload: Workload;
  /** Work that is done before anything is counted: connections come up, compilers and caches warm. */
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** What a measuring process found out, as one line of JSON on its stdout. All but the peak is of the measured time. */
export interface Sample {
  /** What was done in the measured time: operations, or renewals of leases. */
  readonly operations: number;
  /** How long was measured. */
  readonly seconds: number;
  /** CPU that the process spent, all its threads, in user and system mode. */
  readonly cpuSeconds: number;
  /** The most memory that the process ever had. */
  readonly peakRssBytes: number;
  /** Taken from the heap; in JavaScript without what lies outside of it, such as the contents of buffers. */
  readonly allocatedBytes: number;
  /** Runs of the garbage collector. */
  readonly collections: number;
  /** How long each operation took; empty where nothing was done but holding. */
  readonly latencies: readonly BucketCount[];
  /** What the watches or leases of the workload take of memory while nothing happens; only where that is measured. */
  readonly heldBytes?: number | undefined;
  /** The most that heap and buffers had at the end of an operation; only where that is measured. */
  readonly peakMemoryBytes?: number | undefined;
  /** Messages that the server got for an operation, on average from the first to the last; only where it is asked. */
  readonly requestsPerOperation?: number | undefined;
  /** Events that it sent for an operation, at each watch; only where it is asked. */
  readonly eventsPerOperation?: number | undefined;
  /** When it was measured, in microseconds of the monotonic clock; only where a profile is to be cut to it. */
  readonly window?: { readonly from: number; readonly until: number } | undefined;
}

/** @throws `TypeError` when the text is not a sample, which a program wrote that is not of this version. */
export function parseSample(text: string): Sample {
  const sample: unknown = JSON.parse(text);
  const fields = ["operations", "seconds", "cpuSeconds", "peakRssBytes", "allocatedBytes", "collections"];
  const record = sample as Readonly<Record<string, unknown>> | null;
  const wrong = fields.find((field) => !Number.isFinite(record?.[field]));
  if (wrong !== undefined || !Array.isArray(record?.["latencies"])) {
    throw new TypeError(`sample: ${wrong ?? "latencies"} is missing or not what it should be`);
  }
  return sample as Sample;
}
