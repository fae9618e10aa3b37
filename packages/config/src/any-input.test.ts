import { connect } from "@etcdkit/core";
import fc from "fast-check";
import { describe, it } from "vitest";
import { ConfigError } from "./config-error.js";
import { optionsFromEnv } from "./from-env.js";
import { optionsFromFlags } from "./from-flags.js";
import { optionsFromYaml } from "./from-yaml.js";
import { yamlSettings } from "./yaml-settings.js";

/** Whatever is read is refused with a `ConfigError`, or is something that `connect` knows the options of. */
function holds(read: () => ReturnType<typeof optionsFromYaml>): void {
  let options: ReturnType<typeof optionsFromYaml>;
  try {
    options = read();
  } catch (error) {
    if (error instanceof ConfigError) return;
    throw error;
  }
  try {
    void connect(options).close();
  } catch (error) {
    // What several settings mean together is for `connect` to judge; that a value is of a wrong type is not.
    if (!/endpoint|credentials|maxSendBytes|tls/.test(String(error))) throw error;
  }
}

const keys = fc.constantFrom(...yamlSettings.keys(), "__proto__", "constructor", "any");
const pieces = fc.constantFrom(
  "&a ",
  "*a",
  "[",
  "]",
  "{",
  "}",
  "!!map ",
  "- ",
  "? ",
  ": ",
  '"',
  "'",
  "|\n",
  "\n",
  "\t",
  "#",
  "---\n",
);
const values = fc.oneof(
  fc.string(),
  fc.integer().map(String),
  fc.double().map(String),
  pieces,
  fc.boolean().map(String),
);
const lines = fc.array(
  fc.tuple(keys, values).map(([key, value]) => `${key}: ${value}`),
  { maxLength: 8 },
);

describe("any input", () => {
  it("is taken or refused as YAML", () => {
    fc.assert(
      fc.property(fc.string(), (text) => holds(() => optionsFromYaml(text))),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(lines, (all) => holds(() => optionsFromYaml(all.join("\n")))),
      { numRuns: 500 },
    );
    const mixed = fc.array(fc.oneof(pieces, keys, values), { maxLength: 40 }).map((all) => all.join(""));
    fc.assert(
      fc.property(mixed, (text) => holds(() => optionsFromYaml(text))),
      { numRuns: 500 },
    );
  });

  it("is taken or refused as environment and flags", () => {
    const names = fc.constantFrom(
      "ENDPOINTS",
      "DIAL_TIMEOUT",
      "USER",
      "PASSWORD",
      "INSECURE_TRANSPORT",
      "CACERT",
      "X",
    );
    const environment = fc.dictionary(
      names.map((name) => `ETCDCTL_${name}`),
      fc.string(),
    );
    fc.assert(
      fc.property(environment, (env) => holds(() => optionsFromEnv(env))),
      { numRuns: 500 },
    );
    const flags = fc.constantFrom(
      "--endpoints",
      "--user",
      "--password=",
      "--insecure-transport",
      "--key",
      "--",
    );
    const args = fc.array(fc.oneof(flags, fc.string(), values), { maxLength: 8 });
    fc.assert(
      fc.property(args, (all) => holds(() => optionsFromFlags(all))),
      { numRuns: 500 },
    );
  });
});
