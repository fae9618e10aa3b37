import { inspect } from "node:util";
import { expect } from "vitest";
import { ConfigError } from "../src/config-error.js";

/** A password, token or the like, that must not be seen anywhere. */
export const secret = "canary-4711";

/** The error that settings are refused with, which repeats no secret, whatever is printed of it. */
export function refusal(attempt: () => unknown): ConfigError {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toBeInstanceOf(TypeError);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
    return error as ConfigError;
  }
  throw new Error("the settings were taken");
}
