/**
 * Options of an etcd client from YAML files, the environment and flags.
 *
 * @packageDocumentation
 */
export { ConfigError, type SettingOrigin } from "./config-error.js";
export { type Environment, optionsFromEnv } from "./from-env.js";
export { optionsFromFlags, type TakenFlags, takeFlags } from "./from-flags.js";
export { optionsFromFile, optionsFromYaml } from "./from-yaml.js";
export { loadOptions, type OptionSources } from "./load-options.js";
