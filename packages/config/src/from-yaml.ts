import { closeSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ConnectOptions } from "@etcdkit/core";
import { isAlias, isMap, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from "yaml";
import { ConfigError, type SettingOrigin } from "./config-error.js";
import { type Settings, tlsSettings, without } from "./settings.js";
import { toOptions } from "./to-options.js";
import { similarKey, yamlSettings } from "./yaml-settings.js";

// There are twenty keys to set; what is larger is another file, or there to exhaust us.
const mostBytes = 16 * 1024;
// How often a value may repeat others by `*alias`, also through others that do.
const mostAliases = 100;

/**
 * Options of `connect` from YAML with the keys that Go's client reads: `endpoints`, `dial-timeout`, `username`,
 * `trusted-ca-file` and so on; the package's page lists them all. Durations are whole nanoseconds, as in files for Go, or
 * text such as `5s`. A value of 0, `""` or none at all is as good as no key. Paths are relative to the working directory.
 *
 * As in Go, `insecure-transport: true` means no TLS whatever else is set, and otherwise endpoints that do not say `http://`
 * are TLS.
 *
 * @throws {@link ConfigError} with `line` for what is not YAML, an unknown key, a value of a wrong type or out of range, a
 *   certificate or key that cannot be used, and more than 16 KiB.
 */
export function optionsFromYaml(text: string): ConnectOptions {
  return toOptions(settingsFromYaml(text, {}));
}

/**
 * Options of `connect` from a YAML file; see {@link optionsFromYaml}.
 *
 * @throws {@link ConfigError} with `file`, also for a file that cannot be read.
 */
export function optionsFromFile(file: string | URL): ConnectOptions {
  return toOptions(settingsFromFile(file));
}

/** {@link optionsFromFile}, to put others over it. */
export function settingsFromFile(file: string | URL): Settings {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  if (typeof path !== "string" || path === "") throw new TypeError("file: expected a path or URL");
  const origin = { file: path };
  return settingsFromYaml(readText(path, origin), origin);
}

function readText(path: string, origin: SettingOrigin): string {
  try {
    const bytes = readStart(path, mostBytes + 1);
    if (bytes.length > mostBytes) throw tooLarge(origin);
    return bytes.toString("utf8");
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    throw new ConfigError(origin, `cannot be read${code}`, cause);
  }
}

/** The first bytes of a file. No size is asked for: a device has none, and may have no end. */
function readStart(path: string, mostLength: number): Buffer {
  const bytes = Buffer.alloc(mostLength);
  const file = openSync(path, "r");
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < mostLength; length += read) {
      read = readSync(file, bytes, length, mostLength - length, null);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function tooLarge(origin: SettingOrigin): ConfigError {
  return new ConfigError(origin, `more than ${mostBytes / 1024} KiB; settings of a client are smaller`);
}

/** {@link optionsFromYaml}, to put others over it. `origin` names the file, if it is one. */
function settingsFromYaml(text: string, origin: Pick<SettingOrigin, "file">): Settings {
  if (typeof text !== "string") throw new TypeError("text: expected a string");
  if (text.length > mostBytes) throw tooLarge(origin);
  const entries = entriesOf(text, origin);
  const settings: Settings = Object.assign(
    { insecureTransport: { value: false, origin } },
    ...entries.map(([key, value, at]) => {
      const read = yamlSettings.get(key);
      if (read === undefined) {
        const similar = similarKey(key);
        const hint = similar === undefined ? "" : `; it is spelt ${similar}`;
        throw new ConfigError({ ...at, key: shortened(key) }, `unknown key${hint}`);
      }
      return value === null || value === undefined || value === "" ? {} : read(value, at);
    }),
  );
  return settings.insecureTransport?.value === true ? without(settings, tlsSettings) : settings;
}

function shortened(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}

/** Key, value and place of each entry of the one mapping that the text is. */
function entriesOf(
  text: string,
  origin: SettingOrigin,
): readonly (readonly [key: string, value: unknown, at: SettingOrigin])[] {
  const lines = new LineCounter();
  const lineAt = (offset: number | undefined): SettingOrigin =>
    offset === undefined ? origin : { ...origin, line: lines.linePos(offset).line };
  try {
    // Plain data only: no tags of its own, no merge keys, each key once. Messages of the library quote the text, which may
    // hold a password, so only their codes are used.
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, schema: "core" });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) {
      const what = problem.code.toLowerCase().replaceAll("_", " ");
      throw new ConfigError(lineAt(problem.pos[0]), `not YAML that can be used: ${what}`);
    }
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    if (!isMap<ParsedNode, Node | null>(contents)) {
      throw new ConfigError(lineAt(contents.range[0]), "expected keys and values");
    }
    return contents.items.map(({ key, value }) => {
      const line = lineAt(key.range[0]);
      if (!isScalar(key) || typeof key.value !== "string") throw new ConfigError(line, "a key is not text");
      const at = { ...line, key: key.value };
      return [key.value, plain(value, at, () => value?.toJS(document, { maxAliasCount: mostAliases })), at];
    });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // Nesting so deep that the parser runs out of stack.
    throw new ConfigError(origin, "not YAML that can be used: too deep or too entangled");
  }
}

/** The value of a node; `toJs` throws where aliases would make something large out of little. */
function plain(value: Node | null, at: SettingOrigin, toJs: () => unknown): unknown {
  if (value === null) return undefined;
  try {
    return toJs();
  } catch {
    throw new ConfigError(at, isAlias(value) ? "an alias that cannot be resolved" : "too many aliases");
  }
}
