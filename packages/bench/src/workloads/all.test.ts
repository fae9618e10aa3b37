import { describe, expect, it } from "vitest";
import { clients } from "../clients/clients.js";
import type { Driver } from "../clients/driver.js";
import { figures } from "../report/figures.js";
import { ownFigures } from "../report/own-figures.js";
import { chooseWorkloads, takesPart, workloadKinds, workloads } from "./all.js";
import { range } from "./range.js";
import { keyAt, keyPrefix, valueFor, type Workload, warmUpOf } from "./workload.js";

/** Writes down what it is asked for. */
function recorder(): { readonly calls: unknown[]; readonly driver: Driver } {
  const calls: unknown[] = [];
  const record =
    (name: string) =>
    async (...args: readonly unknown[]): Promise<number> => {
      calls.push([name, ...args]);
      return 0;
    };
  const driver = { get: record("get"), put: record("put"), txn: record("txn"), range: record("range") };
  return { calls, driver: { ...driver, close: () => Promise.resolve() } };
}

function named(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

async function callsOf(name: string, ...indexes: readonly number[]): Promise<readonly unknown[]> {
  const { calls, driver } = recorder();
  const workload = named(name);
  const kind = workloadKinds[workload.kind];
  if (!("begin" in kind)) throw new Error(`${name} has no operations`);
  const { operation } = await kind.begin(driver, workload, "http://none");
  for (const index of indexes) await operation(index);
  return calls;
}

describe("workloads", () => {
  it("have names of their own", () => {
    expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length);
  });

  it("cover everything that a figure is about", () => {
    for (const figure of figures) {
      for (const name of figure.workloads) expect(named(name).name).toBe(name);
    }
    for (const { workload, metric, beside } of ownFigures) {
      expect(workloadKinds[named(workload).kind].metrics).toContain(metric);
      if (beside !== undefined && "workload" in beside) {
        expect(named(beside.workload).kind).toBe(named(workload).kind);
      } else if (beside !== undefined && "timesWorkload" in beside) {
        expect(takesPart("ours", named(beside.timesWorkload))).toBe(true);
      } else if (beside !== undefined) {
        expect(takesPart(beside.client, named(workload))).toBe(true);
      }
    }
  });

  it("read and write single keys, around all of them", async () => {
    expect(await callsOf("get-64", 0, 999, 1_000)).toEqual([
      ["get", "bench/key-000000"],
      ["get", "bench/key-000999"],
      ["get", "bench/key-000000"],
    ]);
    const value = valueFor(named("put-1-16k"));
    expect(value.length).toBe(16_384);
    expect(await callsOf("put-1-16k", 7)).toEqual([["put", keyAt(7), value]]);
  });

  it("compare and write three different keys in a transaction", async () => {
    const keys = [keyAt(999), keyAt(0), keyAt(1)];
    expect(await callsOf("txn-64", 999)).toEqual([["txn", keys, valueFor(named("txn-64"))]]);
  });

  it("read all keys in a range, and want all of them", async () => {
    expect(await callsOf("range-100", 5)).toEqual([["range", keyPrefix]]);
    expect(range.least(named("range-100"))).toBe(100);
  });

  it("are warmed up for as long as all are, or for longer where compilers need that", () => {
    expect(warmUpOf(named("get-64"), 1_000)).toBe(1_000);
    expect(warmUpOf(named("lock-1"), 1_000)).toBe(5_000);
    expect(warmUpOf(named("lock-1"), 9_000)).toBe(9_000);
  });

  it("are chosen by name, kind or family", () => {
    const chosen = (name: string) => chooseWorkloads([name]).map((workload) => workload.name);
    expect(chosen("watch")).toEqual([
      ...["watch-fan-out-1000", "watch-fan-out-10000", "watch-catch-up"],
      ...[
        "watch-reading-consumers",
        "watch-stopped-consumer",
        "watchers-idle-10000",
        "watchers-awaited-10000",
      ],
    ]);
    expect(chosen("watch-fan-out")).toEqual(["watch-fan-out-1000", "watch-fan-out-10000"]);
    expect(chosen("lease")).toEqual(["leases-1000", "leases-10000"]);
    expect(chosen("lock")).toEqual(["lock-1", "lock-64", "lock-contended-100"]);
    expect(chosen("stm")).toEqual(["stm-16", "stm-64", "stm-hot-16"]);
    expect(chosen("leasing")).toEqual(["leasing-get"]);
    expect(() => chooseWorkloads(["wat"])).toThrow(/no workload wat/);
  });

  it("are measured of the clients that can do them", () => {
    const names = (name: string) =>
      clients.filter((one) => takesPart(one.name, named(name))).map((one) => one.name);
    expect(names("get-64")).toEqual(clients.map(({ name }) => name));
    expect(names("watch-catch-up")).toEqual(["ours", "etcd3", "grpc-js", "go"]);
    expect(names("leases-10000")).toEqual(["ours", "etcd3", "go"]);
    expect(names("watch-stopped-consumer")).toEqual(["ours"]);
    expect(names("lock-1")).toEqual(["ours", "etcd3", "go"]);
    for (const name of ["lock-contended-100", "stm-16", "leasing-get"]) {
      expect(names(name)).toEqual(["ours", "go"]);
    }
  });
});
