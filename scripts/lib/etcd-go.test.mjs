import { describe, expect, it } from "vitest";
import { goServers } from "./etcd-go.mjs";

describe("the servers that Go can build", () => {
  it("are one per module of tools/, newest first, and the newest brings the tools that its go.mod names", () => {
    // Whatever ETCD_VERSIONS says, the order is that of the folders.
    const servers = goServers();
    const versions = servers.map(({ version }) => version);
    expect(versions).toEqual([...versions].sort().reverse());
    for (const { directory, version, tools, key } of servers) {
      expect(directory).toMatch(new RegExp(`etcd-${version.split(".", 2).join("\\.")}$`));
      expect(key).toMatch(/^[0-9a-f]{64}$/);
      expect(tools).toEqual(version.startsWith("3.7.") ? ["etcdctl", "etcdutl"] : []);
    }
  });
});
