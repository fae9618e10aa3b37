import { describe, expect, it } from "vitest";
import { clients } from "./clients/clients.js";
import { parseBenchCommand, parseProfileCommand } from "./command-line.js";
import { workloads } from "./workloads/all.js";

describe("parseBenchCommand", () => {
  it("measures everything, five times three seconds, unless told otherwise", () => {
    expect(parseBenchCommand([])).toMatchObject({
      workloads,
      clients,
      runs: 5,
      measureMs: 3_000,
      docs: false,
    });
  });

  it("takes workloads by name or kind, in their own order", () => {
    const command = parseBenchCommand(["--only", "range, get-64-16k,get-1"]);
    expect(command.workloads.map(({ name }) => name)).toEqual([
      "get-1",
      "get-64-16k",
      "range-1",
      "range-100",
      "range-10000",
    ]);
  });

  it("takes the files of several runs to show them together", () => {
    expect(parseBenchCommand(["--from", "a.json,b.json"]).from).toEqual(["a.json", "b.json"]);
    expect(parseBenchCommand([]).from).toBeUndefined();
  });

  it("takes clients by name", () => {
    const command = parseBenchCommand([
      "--",
      "--clients=go,ours",
      "--runs=2",
      "--seconds=0.5",
      "--json",
      "a",
    ]);
    expect(command.clients.map(({ name }) => name)).toEqual(["ours", "go"]);
    expect(command).toMatchObject({ runs: 2, measureMs: 500, json: "a" });
  });

  it.each([
    [["--only", "get-65"], /only: there is no workload get-65/],
    [["--only", ","], /only: expected names/],
    [["--clients", "rust"], /clients: there is no rust/],
    [["--runs", "0"], /runs: expected a whole number from 1 to 100, got 0/],
    [["--runs", "1.5"], /runs/],
    [["--runs", ""], /runs/],
    [["--seconds", "61"], /seconds: expected a number from 0.1 to 60, got 61/],
    [["--fast"], /--fast/],
  ])("refuses %j", (args, message) => {
    expect(() => parseBenchCommand(args)).toThrow(message);
  });
});

describe("parseProfileCommand", () => {
  it("profiles our client at 64 gets in flight unless told otherwise", () => {
    expect(parseProfileCommand([])).toMatchObject({
      workload: { name: "get-64" },
      client: { name: "ours" },
      measureMs: 5_000,
    });
  });

  it.each([
    [["--workload", "get"], /workload: there is no get\./],
    [["--client", "go"], /client: go is not written in JavaScript/],
    [["--client", "rust"], /there is no rust/],
  ])("refuses %j", (args, message) => {
    expect(() => parseProfileCommand(args)).toThrow(message);
  });
});
