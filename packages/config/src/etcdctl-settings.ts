import type { SettingOrigin } from "./config-error.js";
import { readBytes, readDuration, readEndpoints, readFlag } from "./read-value.js";
import type { Settings } from "./settings.js";

/** Reads the text of one setting. */
type Read = (text: string, origin: SettingOrigin) => Settings;

interface EtcdctlSetting {
  readonly read: Read;
  /** A flag on the command line that needs no value. */
  readonly isFlag?: true;
}

function setting<Value>(
  name: keyof Settings,
  read: (text: string, origin: SettingOrigin) => Value,
): EtcdctlSetting {
  return { read: (text, origin) => ({ [name]: { value: read(text, origin), origin } }) };
}

function flag(name: keyof Settings): EtcdctlSetting {
  return { ...setting(name, readFlag), isFlag: true };
}

/** A limit in bytes, of which 0 stands for the default. */
function limit(name: keyof Settings): EtcdctlSetting {
  return {
    read(text, origin) {
      const value = readBytes(text, origin);
      return value === 0 ? {} : { [name]: { value, origin } };
    },
  };
}

const asIs = (text: string): string => text;

/** Of the user `name:password` the name; a name may not hold a colon, a password may. */
function readUser(text: string, origin: SettingOrigin): Settings {
  const colon = text.indexOf(":");
  if (colon < 0) return { username: { value: text, origin } };
  return {
    username: { value: text.slice(0, colon), origin },
    password: { value: text.slice(colon + 1), origin },
  };
}

/** The settings of etcdctl that are about its connection, by the names of its flags. */
export const etcdctlSettings: ReadonlyMap<string, EtcdctlSetting> = new Map(
  Object.entries({
    endpoints: setting("endpoints", readEndpoints),
    "dial-timeout": setting("dialTimeoutMs", readDuration),
    "command-timeout": setting("callTimeoutMs", readDuration),
    "keepalive-time": setting("keepAliveIntervalMs", readDuration),
    "keepalive-timeout": setting("keepAliveTimeoutMs", readDuration),
    "max-request-bytes": limit("maxSendBytes"),
    "max-recv-bytes": limit("maxReceiveBytes"),
    cacert: setting("caFile", asIs),
    cert: setting("certFile", asIs),
    key: setting("keyFile", asIs),
    user: { read: readUser },
    username: setting("username", asIs),
    password: setting("password", asIs),
    "auth-jwt-token": setting("token", asIs),
    "insecure-transport": flag("insecureTransport"),
    "insecure-skip-tls-verify": flag("insecureSkipVerify"),
  }),
);

/**
 * Puts together the settings of one source. A password of its own wins over one behind the user's name, in whatever order
 * the two are written.
 */
export function gather(parts: ReadonlyMap<string, Settings>): Settings {
  const order = [...parts].sort(([a], [b]) => Number(b === "user") - Number(a === "user"));
  return Object.assign({}, ...order.map(([, settings]) => settings)) as Settings;
}
