import { describe, expect, it } from "vitest";
import { parseCommand } from "./command-line.js";

describe("the command line", () => {
  it("has defaults, and a seed that is another one each time", () => {
    const command = parseCommand([]);
    expect(command).toMatchObject({ minutes: 2, processes: 5, help: false });
    expect(command.seed).toBeGreaterThanOrEqual(0);
    expect(parseCommand([]).seed).not.toBe(command.seed);
  });

  it("takes options, also behind the -- that pnpm hands on", () => {
    const args = ["--minutes", "0.5", "--seed", "7", "--processes", "3"];
    expect(parseCommand(args)).toEqual({
      minutes: 0.5,
      seed: 7,
      processes: 3,
      bug: undefined,
      help: false,
    });
    expect(parseCommand(["--bug", "no-wait"]).bug).toBe("no-wait");
    expect(parseCommand(["--", "--help"]).help).toBe(true);
  });

  it.each([
    [["--minutes", "0"], "minutes: expected 0.5 to 600, got 0"],
    [["--minutes", "soon"], "minutes: expected 0.5 to 600, got soon"],
    [["--seed", "1.5"], "seed: expected a whole number, got 1.5"],
    [["--seed", ""], "seed: expected 0 to 4294967295, got "],
    [["--processes", "1"], "processes: expected 2 to 20, got 1"],
    [
      ["--bug", "none"],
      "bug: expected one of always-held, never-told, no-guard, local-guard, no-compare, no-wait, no-read-wait, got none",
    ],
  ])("refuses %j", (args, message) => {
    expect(() => parseCommand(args)).toThrow(new RangeError(message));
  });

  it("refuses options that it does not know", () => {
    expect(() => parseCommand(["--hours", "1"])).toThrow(TypeError);
  });
});
