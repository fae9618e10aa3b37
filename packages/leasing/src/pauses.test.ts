import { describe, expect, it } from "vitest";
import { Pauses } from "./pauses.js";

function clockOf(time: { now: number }) {
  return { now: () => time.now, setTimer: () => () => undefined };
}

describe("a pause", () => {
  it("lasts two seconds from when it began last", () => {
    const time = { now: 0 };
    const pauses = new Pauses(clockOf(time));
    pauses.begin("a", false);
    time.now = 1_500;
    pauses.begin("a", false);
    time.now = 3_499;
    expect(pauses.has("a")).toBe(true);
    time.now = 3_500;
    expect(pauses.has("a")).toBe(false);
    expect(pauses.has("b")).toBe(false);
  });

  it("ends early with another owner, unless this client itself was to let go", () => {
    const pauses = new Pauses(clockOf({ now: 0 }));
    pauses.begin("foreign", true);
    pauses.begin("own", false);
    for (const name of ["foreign", "own", "neither"]) pauses.ownerGone(name);
    expect([pauses.has("foreign"), pauses.has("own")]).toEqual([false, true]);
  });
});
