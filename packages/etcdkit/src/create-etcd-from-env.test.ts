import { afterEach, describe, expect, it, vi } from "vitest";
import { ConfigError, createEtcdFromEnv } from "./index.js";

describe("createEtcdFromEnv", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("connects to what etcdctl's variables name", async () => {
    vi.stubEnv("ETCDCTL_ENDPOINTS", "a:1,b:1");
    await using etcd = createEtcdFromEnv();
    expect(etcd.connection.endpoints()).toEqual(["http://a:1", "http://b:1"]);
  });

  it("connects to this machine without any", async () => {
    vi.stubEnv("ETCDCTL_ENDPOINTS", "");
    await using etcd = createEtcdFromEnv();
    expect(etcd.connection.endpoints()).toEqual(["http://127.0.0.1:2379"]);
  });

  it("lets options win over the environment", async () => {
    vi.stubEnv("ETCDCTL_ENDPOINTS", "a:1");
    await using etcd = createEtcdFromEnv({ endpoints: "https://b:1" });
    expect(etcd.connection.endpoints()).toEqual(["https://b:1"]);
    await using undecided = createEtcdFromEnv({ endpoints: undefined, signal: undefined } as never);
    expect(undecided.connection.endpoints()).toEqual(["http://a:1"]);
  });

  it("refuses variables and options that cannot be used", () => {
    expect(() => createEtcdFromEnv({ endpoint: "a:1" } as never)).toThrow('unknown option "endpoint"');
    vi.stubEnv("ETCDCTL_DIAL_TIMEOUT", "5");
    expect(() => createEtcdFromEnv()).toThrow(ConfigError);
    expect(() => createEtcdFromEnv()).toThrow("ETCDCTL_DIAL_TIMEOUT: expected a duration with its unit");
  });
});
