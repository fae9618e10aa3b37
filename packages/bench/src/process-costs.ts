import { readFileSync } from "node:fs";
import { GCProfiler } from "node:v8";

/** What a stretch of this process's life took. */
export interface Costs {
  readonly cpuSeconds: number;
  readonly allocatedBytes: number;
  readonly collections: number;
}

interface Collection {
  readonly beforeGC: { readonly heapStatistics: { readonly usedHeapSize: number } };
  readonly afterGC: { readonly heapStatistics: { readonly usedHeapSize: number } };
}

/** Begins to count; the result ends it. */
export function countCosts(): () => Costs {
  const profiler = new GCProfiler();
  profiler.start();
  const heapAtStart = process.memoryUsage().heapUsed;
  const cpuAtStart = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpuAtStart);
    const heapAtEnd = process.memoryUsage().heapUsed;
    const { statistics } = profiler.stop();
    return {
      cpuSeconds: (user + system) / 1e6,
      allocatedBytes: allocatedBytes(heapAtStart, statistics, heapAtEnd),
      collections: statistics.length,
    };
  };
}

/**
 * How much was taken from the heap: it grows by that alone from the end of one collection to the begin of the next.
 */
export function allocatedBytes(
  heapAtStart: number,
  collections: readonly Collection[],
  heapAtEnd: number,
): number {
  let allocated = 0;
  let last = heapAtStart;
  for (const { beforeGC, afterGC } of collections) {
    allocated += Math.max(0, beforeGC.heapStatistics.usedHeapSize - last);
    last = afterGC.heapStatistics.usedHeapSize;
  }
  return allocated + Math.max(0, heapAtEnd - last);
}

/**
 * The most memory that this process ever had, in bytes.
 *
 * Where there is `/proc`, from there: the figure of `getrusage` begins, on Linux, with that of the parent process.
 */
export function peakRssBytes(): number {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** The clock that profiles are dated by. */
export function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
