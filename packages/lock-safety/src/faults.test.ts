import { expect, it } from "vitest";
import { canPauseLeaders } from "./faults.js";

it("leaders are paused only where one that was paused revokes no lease that lives", () => {
  const versions = ["3.4.23", "3.4.31", "3.5.12", "3.5.13", "3.6.0", "3.10.1"];
  expect(versions.filter(canPauseLeaders)).toEqual(["3.4.31", "3.5.13", "3.6.0", "3.10.1"]);
});
