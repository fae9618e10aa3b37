import { type Event, Event_EventType } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import type { Execution } from "./history.js";
import { misfits, StoreStates, unexplained } from "./store-states.js";

function event(key: string, value: string, modRevision: bigint): Event {
  const kv = {
    $typeName: "mvccpb.KeyValue" as const,
    key: Buffer.from(key),
    value: Buffer.from(value),
    createRevision: 1n,
    modRevision,
    version: 1n,
    lease: 0n,
  };
  return { $typeName: "mvccpb.Event", type: Event_EventType.PUT, kv };
}

const states = new StoreStates([event("x", "1", 5n), event("x", "2", 6n), event("y", "2", 6n)]);

function execution(
  revision: bigint,
  reads: Readonly<Record<string, readonly [string | undefined, bigint]>>,
  writes: Readonly<Record<string, string>>,
  outcome: Execution["outcome"] = "committed",
): Execution {
  const last = {
    reads: new Map(Object.entries(reads).map(([key, [value, modRevision]]) => [key, { value, modRevision }])),
    writes: new Map(Object.entries(writes)),
  };
  return {
    begin: 0,
    end: 1,
    outcome,
    revision: outcome === "committed" ? revision : undefined,
    last,
    abandoned: [],
  };
}

const first = execution(5n, { x: [undefined, 0n] }, { x: "1" });
const second = execution(6n, { x: ["1", 5n], y: [undefined, 0n] }, { x: "2", y: "2" });

describe("the comparison of transactions with the store", () => {
  it("finds nothing where all is in order", () => {
    expect(misfits([first, second, execution(6n, { y: ["2", 6n] }, {})], states)).toEqual([]);
    expect(unexplained([first, second], states, new Set())).toEqual([]);
  });

  it.each<[string, Execution]>([
    ["a write on what was not so any more", execution(6n, { x: [undefined, 0n] }, { x: "2", y: "2" })],
    ["a write on the right value of another revision", execution(6n, { x: ["1", 4n] }, { x: "2", y: "2" })],
    ["a read of the past", execution(6n, { x: ["1", 5n] }, {})],
    ["a write that is not there", execution(5n, {}, { x: "other" })],
    ["half of the writes", execution(5n, {}, { x: "1", y: "1" })],
    ["a write that nobody asked for", execution(6n, {}, { x: "2" })],
  ])("finds %s", (_, wrong) => {
    expect(misfits([wrong], states)).toHaveLength(1);
  });

  it("finds two that claim one revision", () => {
    expect(misfits([first, execution(5n, {}, { x: "1" })], states)).toHaveLength(1);
  });

  it("finds writes that nobody admits to", () => {
    expect(unexplained([first], states, new Set())).toEqual([6n]);
    expect(unexplained([first], states, new Set([6n]))).toEqual([]);
    // Nor does one that only read what was there by then.
    const reader = execution(6n, { x: ["2", 6n] }, {});
    expect(unexplained([first, reader], states, new Set())).toEqual([6n]);
  });

  it("finds a write that was done twice", () => {
    const twice = new StoreStates([event("x", "1", 5n), event("x", "1", 6n)]);
    const doubtful = execution(0n, {}, { x: "1" }, "unknown");
    expect(unexplained([doubtful], twice, new Set())).toEqual([6n]);
    expect(unexplained([doubtful, doubtful], twice, new Set())).toEqual([]);
  });
});
