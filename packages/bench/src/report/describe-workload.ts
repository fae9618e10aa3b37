import type { Workload } from "../workloads/workload.js";

/** What a workload is, in words. */
export function describeWorkload(workload: Workload): string {
  const { name, kind, warmUpMs } = workload;
  const warmUp = warmUpMs === undefined ? "" : `, after ${warmUpMs / 1000} s of warm-up`;
  return `${name}: ${descriptions[kind](workload)}${warmUp}`;
}

const descriptions: Readonly<Record<Workload["kind"], (workload: Workload) => string>> = {
  get: (workload) => `get of one key, ${valuesOf(workload)}, ${flightOf(workload)}`,
  put: (workload) => `put of one key, ${valuesOf(workload)}, ${flightOf(workload)}`,
  txn: (workload) => `transaction of 3 compares and 3 puts, ${valuesOf(workload)}, ${flightOf(workload)}`,
  range: (workload) => `range of ${some(workload.keys, "key")}, ${valuesOf(workload)}, ${flightOf(workload)}`,
  "watch-fan-out": (workload) =>
    `a put and its event at the last of ${some(workload.held, "watch", "watches")} of one key on one stream, ${valuesOf(workload)}`,
  "watch-catch-up": (workload) =>
    `one watch through a history of ${some(workload.keysPerOperation, "event")}, ${workload.keys} to a revision, ${valuesOf(workload)}`,
  "watch-stopped-consumer": (workload) =>
    `a put and its event at ${workload.keysPerOperation} of ${some(workload.held, "watch", "watches")} of one range on one stream, ${valuesOf(workload)}, ${stoppedOf(workload)}`,
  "watch-hold": (workload) =>
    `${some(workload.held, "watch", "watches")} of one key on one stream while nothing happens, ${workload.read === true ? "each with a reader that waits" : "without readers"}`,
  "lease-hold": (workload) => `${some(workload.held, "lease")} of ${workload.ttlSeconds} s kept alive`,
  lock: (workload) =>
    `lock and unlock, ${some(workload.names, "name")} in ${some(workload.sessions, "session")}, ${flightOf(workload)}`,
  "lock-contended": (workload) =>
    `lock and unlock of ${some(workload.names, "name")} by ${some(workload.inFlight, "contender")}, each in a session of its own`,
  stm: (workload) =>
    `transfer between 2 of ${some(workload.keys, "account")} by software transactional memory, ${flightOf(workload)}`,
  "leasing-get": (workload) =>
    `reads of ${some(workload.keys, "key")} that the client owns by leasing, one after the other, ${valuesOf(workload)}`,
};

function flightOf({ inFlight }: Workload): string {
  return `${inFlight} in flight`;
}

function valuesOf({ valueBytes }: Workload): string {
  return `values of ${valueBytes < 1024 ? `${valueBytes} B` : `${valueBytes / 1024} KiB`}`;
}

function stoppedOf({ stopped = 0 }: Workload): string {
  return stopped === 0 ? "all of which are read" : `${stopped} of which is not read any more`;
}

function some(count: number | undefined, one: string, many = `${one}s`): string {
  return `${(count ?? 0).toLocaleString("en")} ${count === 1 ? one : many}`;
}
