import type { ConnectOptions } from "@etcdkit/core";
import { ConfigError } from "./config-error.js";
import { etcdctlSettings, gather } from "./etcdctl-settings.js";
import { merge, type Settings } from "./settings.js";
import { defaultEndpoints, toOptions } from "./to-options.js";

/** A command line, taken apart. */
export interface TakenFlags {
  /** The flags about the connection with their values, for {@link optionsFromFlags}. */
  readonly flags: readonly string[];
  /** All other arguments, in their order. */
  readonly rest: readonly string[];
}

/**
 * Options of `connect` from flags by etcdctl's names: `--endpoints`, `--dial-timeout`, `--command-timeout`,
 * `--keepalive-time`, `--keepalive-timeout`, `--max-request-bytes`, `--max-recv-bytes`, `--cacert`, `--cert`, `--key`,
 * `--user name:password`, `--username`, `--password`, `--auth-jwt-token`, `--insecure-transport`,
 * `--insecure-skip-tls-verify`. A value stands behind `=` or in
 * the next argument; the last two are `true` without one. Of a flag that is given twice the last counts; `--endpoints`
 * add up. Without endpoints: `127.0.0.1:2379`, as etcdctl has it.
 *
 * @param args - The flags alone, such as those that {@link takeFlags} finds.
 * @throws {@link ConfigError} for any other argument, and for a value or file that cannot be used.
 */
export function optionsFromFlags(args: readonly string[]): ConnectOptions {
  return toOptions({ ...defaultEndpoints, ...settingsFromFlags(args) });
}

/** {@link optionsFromFlags}, to be put over other settings. */
export function settingsFromFlags(args: readonly string[]): Settings {
  const parts = new Map<string, Settings>();
  for (const [index, argument] of split(args).entries()) {
    if (argument.name === undefined) {
      // Not repeated: it may be the value of a secret.
      const [text = ""] = argument.written;
      const { key } = flagName(text);
      throw new ConfigError(
        key === undefined ? {} : { key },
        key === undefined ? `argument ${index + 1} of the flags is not a flag` : "unknown flag",
      );
    }
    const { name, value } = argument;
    const key = `--${name}`;
    if (value === undefined || value === "") throw new ConfigError({ key }, "its value is missing");
    const read = etcdctlSettings.get(name)?.read(value, { key }) ?? {};
    parts.set(name, name === "endpoints" ? addedTo(parts.get(name), read) : read);
  }
  return gather(parts);
}

function addedTo(before: Settings | undefined, { endpoints }: Settings): Settings {
  if (before?.endpoints === undefined || endpoints === undefined) return { endpoints };
  return merge(before, {
    endpoints: { ...endpoints, value: [...before.endpoints.value, ...endpoints.value] },
  });
}

/**
 * Takes the flags about the connection out of a command line, for a program that has arguments of its own. What follows
 * `--` is left alone.
 *
 * @example `const { flags, rest } = takeFlags(process.argv.slice(2))`
 */
export function takeFlags(args: readonly string[]): TakenFlags {
  const arguments_ = split(args);
  const of = (isOurs: boolean): readonly string[] =>
    arguments_.filter(({ name }) => (name !== undefined) === isOurs).flatMap(({ written }) => written);
  return { flags: of(true), rest: of(false) };
}

/** One flag with its value, as it is written; or an argument that is no flag of ours, without a name. */
interface Argument {
  readonly written: readonly string[];
  readonly name?: string | undefined;
  readonly value?: string | undefined;
}

function split(args: readonly string[]): readonly Argument[] {
  if (!Array.isArray(args) || args.some((argument) => typeof argument !== "string")) {
    throw new TypeError("args: expected an array of strings");
  }
  const result: Argument[] = [];
  for (let i = 0; i < args.length; i++) {
    const text = args[i] ?? "";
    if (text === "--") return [...result, ...args.slice(i).map((rest) => ({ written: [rest] }))];
    const { name, value } = flagName(text);
    const known = name === undefined ? undefined : etcdctlSettings.get(name);
    if (known === undefined) result.push({ written: [text] });
    else if (value !== undefined || known.isFlag === true) {
      result.push({ written: [text], name, value: value ?? "true" });
    } else {
      // Like etcdctl: whatever comes next is the value, also where it looks like a flag.
      const next = args[++i];
      result.push({ written: next === undefined ? [text] : [text, next], name, value: next });
    }
  }
  return result;
}

/** What a text such as `--name=value` names; nothing for other texts. */
function flagName(text: string): { readonly key?: string; readonly name?: string; readonly value?: string } {
  const [, name, , value] = /^--([a-z][a-z0-9-]*)(=(.*))?$/s.exec(text) ?? [];
  if (name === undefined) return {};
  return { key: `--${name}`, name, ...(value === undefined ? {} : { value }) };
}
