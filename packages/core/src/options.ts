import type { CallOptions } from "./call-options.js";

/** Refuses, with a `TypeError` or `RangeError` that names it, an argument of the wrong type or out of range. */
export type Check = (value: unknown, name: string) => void;

/** What a method takes in its options: the name of each option with its check. */
export interface OptionTable {
  readonly method: string;
  readonly checks: Readonly<Record<string, Check>>;
}

/** Makes the table of a method. Without a prototype, so that `constructor` and the like are options of no method. */
export function optionTable(method: string, checks: Readonly<Record<string, Check>>): OptionTable {
  return Object.freeze({
    method,
    checks: Object.freeze(Object.assign(Object.create(null) as Record<string, Check>, checks)),
  });
}

/**
 * Refuses options that are not an object, that the method does not know (a misspelt option must not be lost in
 * silence) or that have the wrong type. An option that is `undefined` counts as left out.
 */
export function checkOptions(table: OptionTable, options: unknown): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`options of ${table.method} must be an object`);
  }
  const bag = options as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(bag)) {
    const check = table.checks[name];
    if (check === undefined) throw new TypeError(`unknown option "${name}" of ${table.method}`);
    const value = bag[name];
    if (value !== undefined) check(value, name);
  }
}

/** Refuses what is not `true` or `false`: `"false"` and `0` must not be guessed at. */
export function checkFlag(value: unknown, name: string): asserts value is boolean {
  if (typeof value !== "boolean") throw new TypeError(`${name} must be a boolean`);
}

/** Refuses what cannot be called. */
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw new TypeError(`${name} must be a function`);
}

/** Refuses what does not tell time and wake up as a `Clock` does. */
export function checkClock(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || !("now" in value && "setTimer" in value)) {
    throw new TypeError(`${name} must be a Clock`);
  }
}

/** A check that takes the given words only. */
export function checkOneOf(words: readonly string[]): Check {
  return (value, name) => {
    if (typeof value !== "string" || !words.includes(value)) {
      throw new TypeError(`${name} must be one of ${words.map((word) => `"${word}"`).join(", ")}`);
    }
  };
}

/** Refuses what is not an abort signal. By its members, since polyfills and other realms have classes of their own. */
export function checkSignal(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || !("aborted" in value && "addEventListener" in value)) {
    throw new TypeError(`${name} must be an AbortSignal`);
  }
}

function checkTimeout(value: unknown, name: string): void {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (!(value > 0)) throw new RangeError(`${name} must be positive: Infinity waits for ever`);
}

function checkHeaders(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${name} must be an object or Headers`);
  }
}

/** Checks of the options that every call takes. */
export const callChecks: Readonly<Record<keyof CallOptions, Check>> = {
  signal: checkSignal,
  timeoutMs: checkTimeout,
  requireLeader: checkFlag,
  idempotent: checkFlag,
  headers: checkHeaders,
};

/** The part of a method's options that every call takes; `undefined` where the caller set none of it. */
export function callOf(options: CallOptions | undefined): CallOptions | undefined {
  if (options === undefined) return undefined;
  const { signal, timeoutMs, requireLeader, idempotent, headers } = options;
  const none =
    signal === undefined &&
    timeoutMs === undefined &&
    requireLeader === undefined &&
    idempotent === undefined &&
    headers === undefined;
  return none ? undefined : { signal, timeoutMs, requireLeader, idempotent, headers };
}
