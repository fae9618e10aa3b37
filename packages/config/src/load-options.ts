import type { ConnectOptions } from "@etcdkit/core";
import { checkOptions, optionTable } from "@etcdkit/core/spi";
import { type Environment, settingsFromEnv } from "./from-env.js";
import { settingsFromFlags } from "./from-flags.js";
import { settingsFromFile } from "./from-yaml.js";
import { merge } from "./settings.js";
import { defaultEndpoints, toOptions } from "./to-options.js";

/** Where settings may stand. */
export interface OptionSources {
  /** A YAML file; see {@link optionsFromFile}. Default: none. */
  readonly file?: string | URL | undefined;
  /** The environment; see {@link optionsFromEnv}. Default `process.env`. */
  readonly env?: Environment | undefined;
  /** The flags of the command line; see {@link optionsFromFlags}. Default: none. */
  readonly args?: readonly string[] | undefined;
}

// Each source is checked where it is read.
const table = optionTable("loadOptions", {
  file: () => undefined,
  env: (value) => {
    if (typeof value !== "object" || value === null) throw new TypeError("env: expected an object");
  },
  args: () => undefined,
});

/**
 * Options of `connect` from all sources together. Flags win over the environment, and that over the file, setting by
 * setting; except that a token replaces a user with its password and the other way round, that the password of
 * `name:password` goes when another name comes, and that a demand for plaintext (`--insecure-transport`) replaces
 * certificates of lower sources. Without endpoints: `127.0.0.1:2379`.
 *
 * @throws {@link ConfigError} that names the source of what cannot be used.
 */
export function loadOptions(sources: OptionSources = {}): ConnectOptions {
  checkOptions(table, sources);
  const { file, env = process.env, args = [] } = sources;
  const layers = [
    file === undefined ? {} : settingsFromFile(file),
    settingsFromEnv(env),
    settingsFromFlags(args),
  ];
  return toOptions(layers.reduce(merge, defaultEndpoints));
}
