import { afterEach, describe, expect, it, vi } from "vitest";
import { defaultLogger, guardedLogger } from "./logger.js";

const levels = ["debug", "info", "warn", "error"] as const;

/** What a logger for this value of ETCD_CLIENT_DEBUG writes to stderr, parsed. */
function written(value: string | undefined): { readonly level: string; readonly message: string }[] {
  const lines: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => lines.push(String(chunk)) > 0);
  const logger = defaultLogger(value === undefined ? {} : { ETCD_CLIENT_DEBUG: value });
  for (const level of levels) logger[level](`a ${level}`, { endpoint: "http://a:2379" });
  return lines.map((line) => JSON.parse(line) as { level: string; message: string });
}

afterEach(() => vi.restoreAllMocks());

describe("the default logger", () => {
  it("is silent while ETCD_CLIENT_DEBUG is not set", () => {
    expect(written(undefined)).toEqual([]);
  });

  it.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["ERROR", ["error"]],
    ["", ["info", "warn", "error"]],
    ["true", ["info", "warn", "error"]],
  ])("writes from the level that ETCD_CLIENT_DEBUG=%j names", (value, expected) => {
    expect(written(value).map(({ level }) => level)).toEqual(expected);
  });

  it("warns once about a value that names no level, and takes it for info", () => {
    const lines = written("verbose");
    expect(lines.map(({ level }) => level)).toEqual(["warn", "info", "warn", "error"]);
    expect(lines[0]?.message).toContain("ETCD_CLIENT_DEBUG");
  });

  it("writes one line of JSON for each message, with its details", () => {
    const [line] = written("error");
    expect(line).toMatchObject({
      level: "error",
      name: "etcdkit",
      message: "a error",
      endpoint: "http://a:2379",
    });
  });
});

describe("guardedLogger", () => {
  // client/v3/client_test.go:TestWithLogger, TestZapWithLogger
  it("hands everything to the logger that was injected, as its methods", () => {
    const logger = {
      seen: [] as unknown[],
      debug(...entry: unknown[]) {
        this.seen.push(["debug", ...entry]);
      },
      info(...entry: unknown[]) {
        this.seen.push(["info", ...entry]);
      },
      warn(...entry: unknown[]) {
        this.seen.push(["warn", ...entry]);
      },
      error(...entry: unknown[]) {
        this.seen.push(["error", ...entry]);
      },
    };
    const guarded = guardedLogger(logger);
    for (const level of levels) guarded[level]("hello", { to: level });
    expect(logger.seen).toEqual(levels.map((level) => [level, "hello", { to: level }]));
  });

  it("lets nothing out that a logger throws", () => {
    const fail = (): never => {
      throw new Error("disk full");
    };
    const guarded = guardedLogger({ debug: fail, info: fail, warn: fail, error: fail });
    for (const level of levels) expect(() => guarded[level]("hello")).not.toThrow();
  });
});
