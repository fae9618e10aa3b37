/**
 * What reads the environment, for programs that read nothing else: without the parser of YAML, which takes longer to load
 * than all of the client.
 *
 * @packageDocumentation
 */
export { ConfigError, type SettingOrigin } from "./config-error.js";
export { type Environment, optionsFromEnv } from "./from-env.js";
