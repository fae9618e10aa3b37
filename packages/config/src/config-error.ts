/** Where a setting was written. */
export interface SettingOrigin {
  /** Its name there: `ETCDCTL_CACERT`, `--cacert`, `trusted-ca-file`. */
  readonly key?: string | undefined;
  /** The file that it stands in. */
  readonly file?: string | undefined;
  /** The line in that file or text, counted from 1. */
  readonly line?: number | undefined;
}

/**
 * Settings that cannot be used. The message says where they are written and what is wrong with them, and fits on a line:
 * a program may print it and exit. It never repeats what was written, except names of keys, paths of files, and endpoints
 * without what stands before an `@`.
 */
export class ConfigError extends TypeError implements SettingOrigin {
  override readonly name: string = "ConfigError";
  /** Name of the setting, as its source spells it. */
  declare readonly key?: string;
  /** The file, where the setting is from one. */
  declare readonly file?: string;
  /** The line in that file, or in the text. */
  declare readonly line?: number;

  constructor(origin: SettingOrigin, problem: string, cause?: unknown) {
    super(`${placeOf(origin)}${problem}`, cause === undefined ? undefined : { cause });
    // What is not known stays absent, so that a printed error shows only what is.
    if (origin.key !== undefined) this.key = origin.key;
    if (origin.file !== undefined) this.file = origin.file;
    if (origin.line !== undefined) this.line = origin.line;
  }
}

function placeOf({ key, file, line }: SettingOrigin): string {
  const position = [file ?? (line === undefined ? undefined : "line"), line]
    .filter((part) => part !== undefined)
    .join(file === undefined ? " " : ":");
  return [position, key]
    .filter((part) => part !== undefined && part !== "")
    .map((part) => `${part}: `)
    .join("");
}
