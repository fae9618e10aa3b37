import type { SettingOrigin } from "./config-error.js";

/** What can be set, whatever it is called where it is written. */
export interface SettingValues {
  readonly endpoints: readonly string[];
  readonly autoSyncIntervalMs: number;
  readonly dialTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly keepAliveWithoutCalls: boolean;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly insecureTransport: boolean;
  readonly insecureSkipVerify: boolean;
  readonly username: string;
  readonly password: string;
  readonly token: string;
  readonly rejectOldCluster: boolean;
  readonly maxAttempts: number;
  readonly retryWaitMs: number;
  readonly retryJitter: number;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
}

/** A value, and where it was written. */
export interface Setting<Value> {
  readonly value: Value;
  readonly origin: SettingOrigin;
}

/** What one source, or several together, set. */
export type Settings = {
  readonly [Name in keyof SettingValues]?: Setting<SettingValues[Name]> | undefined;
};

/** What names the certificates of a link, or that none are wanted to be checked. */
export const tlsSettings = ["caFile", "certFile", "keyFile", "insecureSkipVerify"] as const;

/** Settings without some of them. */
export function without(settings: Settings, names: readonly (keyof Settings)[]): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !names.some((one) => one === name)));
}

/**
 * Puts settings over others. Each wins by itself, except where two make sense only together: a token replaces user and
 * password and they replace a token, a password that stands behind a name (`name:password`) goes with that name, and a
 * demand for plaintext replaces certificates.
 */
export function merge(lower: Settings, higher: Settings): Settings {
  let kept = lower;
  if (higher.token !== undefined) kept = without(kept, ["username", "password"]);
  if (higher.username !== undefined || higher.password !== undefined) kept = without(kept, ["token"]);
  if (higher.username !== undefined && kept.password?.origin === kept.username?.origin) {
    kept = without(kept, ["password"]);
  }
  if (higher.insecureTransport?.value === true) kept = without(kept, tlsSettings);
  return { ...kept, ...higher };
}
