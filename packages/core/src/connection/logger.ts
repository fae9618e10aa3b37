/** Takes what the connection has to tell. `console` is one. Never receives a password, token, key or value. */
export interface Logger {
  /** What a developer of this package would want to know: each attempt that failed. */
  debug(message: string, details?: Readonly<Record<string, unknown>>): void;
  /** What is normal: links that come and go. */
  info(message: string, details?: Readonly<Record<string, unknown>>): void;
  /** What works and should not be so. */
  warn(message: string, details?: Readonly<Record<string, unknown>>): void;
  /** What keeps the client from working. */
  error(message: string, details?: Readonly<Record<string, unknown>>): void;
}

const levels = ["debug", "info", "warn", "error"] as const;
type Level = (typeof levels)[number];

function write(level: Level, message: string, details?: Readonly<Record<string, unknown>>): void {
  const line = { time: new Date().toISOString(), level, name: "etcdkit", message, ...details };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}

const nothing = (): void => undefined;

/**
 * The logger of connections that are given none. It writes JSON lines to stderr at the level that `ETCD_CLIENT_DEBUG`
 * names (`debug`, `info`, `warn`, `error`; empty or `true` mean `info`) and is silent while the variable is not set.
 * Any other value is complained about and means `info`.
 */
export function defaultLogger(environment: NodeJS.ProcessEnv = process.env): Logger {
  const asked = environment["ETCD_CLIENT_DEBUG"];
  if (asked === undefined) return { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const named = levels.find((level) => level === asked.toLowerCase());
  if (named === undefined && asked !== "" && asked !== "true") {
    write("warn", "ETCD_CLIENT_DEBUG names no level; using info", { known: levels.join(", ") });
  }
  const least = levels.indexOf(named ?? "info");
  const at = (level: Level): Logger[Level] =>
    levels.indexOf(level) < least ? nothing : (message, details) => write(level, message, details);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Keeps what a logger throws away from the calls and timers that log: a full disk must not fail a read. */
export function guardedLogger(logger: Logger): Logger {
  const at =
    (level: Level): Logger[Level] =>
    (message, details) => {
      try {
        logger[level](message, details);
      } catch {
        // There is nobody left to tell.
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
