import type { ConnectOptions } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { makeFiles } from "../test/files.js";
import { optionsFromFlags } from "./from-flags.js";
import type { Settings, SettingValues } from "./settings.js";
import { toOptions } from "./to-options.js";

/** Settings of a source that does not matter. */
function settings(values: Partial<SettingValues>): Settings {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value, origin: {} }]));
}

const basic: Partial<SettingValues> = {
  endpoints: ["192.168.0.10:2379"],
  dialTimeoutMs: 2_000,
  keepAliveIntervalMs: 7_000,
  keepAliveTimeoutMs: 5_000,
};
const basicOptions: ConnectOptions = {
  endpoints: ["192.168.0.10:2379"],
  dialTimeoutMs: 2_000,
  keepAlive: { intervalMs: 7_000, timeoutMs: 5_000 },
};

describe("toOptions", () => {
  // client/v3/config_test.go:TestNewClientConfig
  it.each<[string, Partial<SettingValues>, Partial<ConnectOptions>]>([
    ["nothing but endpoints and times", {}, {}],
    [
      "a user and a password",
      { username: "test", password: "changeme" },
      { credentials: { username: "test", password: "changeme" } },
    ],
    ["a token", { token: "a.b.c" }, { credentials: { token: "a.b.c" } }],
    ["TLS without settings of its own", { insecureTransport: false }, { tls: {} }],
    [
      "TLS with whoever answers",
      { insecureTransport: false, insecureSkipVerify: true },
      { tls: { insecureSkipVerify: true } },
    ],
    [
      "plaintext, and yet TLS with whoever answers: the latter",
      { insecureTransport: true, insecureSkipVerify: true },
      { tls: { insecureSkipVerify: true } },
    ],
  ])("makes options of %s", (_, values, options) => {
    expect(toOptions(settings({ ...basic, ...values }))).toEqual({ ...basicOptions, ...options });
  });

  // client/v3/config_test.go:TestNewClientConfigWithSecureCfg
  it("keeps certificates as the paths of their files, which a connection reads again when they change", () => {
    using files = makeFiles();
    const { caFile, certFile, keyFile } = files;
    expect(toOptions(settings({ ...basic, caFile, certFile, keyFile }))).toEqual({
      ...basicOptions,
      tls: { caFile, certFile, keyFile },
    });
  });

  // client/v3/config_test.go:TestConfigSpecClone
  it("shares nothing between the options of two readers", () => {
    const args = ["--endpoints=a:1,b:1", "--user=test:changeme", "--insecure-skip-tls-verify"];
    const [one, other] = [optionsFromFlags(args), optionsFromFlags(args)];
    expect(other).toEqual(one);
    Object.assign(one.endpoints, ["changed"]);
    Object.assign(one.tls ?? {}, { serverName: "changed" });
    Object.assign(one.credentials ?? {}, { username: "changed" });
    expect(other).toEqual({
      endpoints: ["a:1", "b:1"],
      tls: { insecureSkipVerify: true },
      credentials: { username: "test", password: "changeme" },
    });
    expect(one).not.toEqual(other);
  });
});
