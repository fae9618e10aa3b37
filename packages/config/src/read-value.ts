import { parseEndpoint } from "@etcdkit/core";
import { ConfigError, type SettingOrigin } from "./config-error.js";
import { parseDuration } from "./duration.js";

// Timers of Node are signed 32-bit integers and fire at once when given more.
const longestMs = 2 ** 31 - 1;

const largestMessageBytes = 2 ** 31 - 1;

// Readers of values that are written as text. None repeats the text, but for endpoints: a flag whose value is missing may
// have swallowed a password.

/** `true` and `false` in the spellings of Go's `strconv.ParseBool`. */
export function readFlag(text: string, origin: SettingOrigin): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw new ConfigError(origin, "expected true or false");
}

/** A duration with its unit, in whole milliseconds. */
export function readDuration(text: string, origin: SettingOrigin): number {
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new ConfigError(origin, 'expected a duration with its unit, such as "5s" or "1m30s"');
  return checkDuration(ms, origin);
}

/** Rounds a duration to whole milliseconds, of which a timer takes 1 to 2^31-1. */
export function checkDuration(ms: number, origin: SettingOrigin): number {
  const rounded = Math.round(ms);
  if (!(rounded >= 1 && rounded <= longestMs)) {
    throw new ConfigError(origin, `expected a duration from 1ms to ${longestMs}ms (24 days)`);
  }
  return rounded;
}

/** A number of bytes, as large as a message may be. */
export function readBytes(text: string, origin: SettingOrigin): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (bytes <= largestMessageBytes) return bytes;
  throw new ConfigError(origin, `expected a whole number from 0 to ${largestMessageBytes}`);
}

/** Endpoints, each spelt as `connect` takes them. */
export function checkEndpoints(list: readonly string[], origin: SettingOrigin): readonly string[] {
  const endpoints = list.map((endpoint) => endpoint.trim());
  for (const endpoint of endpoints) {
    try {
      parseEndpoint(endpoint, false);
    } catch (error) {
      throw new ConfigError(origin, error instanceof Error ? error.message : String(error));
    }
  }
  return endpoints;
}

/** Endpoints separated by commas. */
export function readEndpoints(text: string, origin: SettingOrigin): readonly string[] {
  return checkEndpoints(text.split(","), origin);
}
