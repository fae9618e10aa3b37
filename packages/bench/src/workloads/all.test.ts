import { describe, expect, it } from "vitest";
import type { Driver } from "../clients/driver.js";
import { figures } from "../report/figures.js";
import { workloadKinds, workloads } from "./all.js";
import { keyAt, keyPrefix, valueFor, type Workload } from "./workload.js";

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
  const operation = workloadKinds[workload.kind].operation(driver, workload);
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
    expect(workloadKinds.range.least(named("range-100"))).toBe(100);
  });
});
