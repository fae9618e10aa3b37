import { copyFile } from "node:fs/promises";
import { createKv } from "@etcdkit/kv";
import { type CertificateFiles, openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { linkIsDown } from "../support/link-is-down.js";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";

// TLS comes from the same library in all versions of the server.
describeNewestEtcd("F22 files with certificates", (etcd) => {
  const shared = etcd.shared({ tls: "mutual" });

  it("are read again for each new link, and do not concern one that is up", async () => {
    const { tls } = shared.cluster;
    if (tls === undefined) throw new Error("the cluster has no TLS");
    const { caFile, expired } = tls;
    const current = await tls.issue({ commonName: "client" });
    const renew = async (by: CertificateFiles): Promise<void> => {
      await copyFile(by.certFile, current.certFile);
      await copyFile(by.keyFile, current.keyFile);
    };
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    const { certFile, keyFile } = current;
    await using connection = shared.connect({
      endpoints: bridge.endpoint,
      tls: { caFile, certFile, keyFile },
    });
    const kv = createKv(connection);
    await kv.put("F22", "first");

    await renew(expired);
    await kv.put("F22", "second");
    bridge.cut();
    await linkIsDown(connection);
    const { error } = await rejection(() => kv.put("F22", "never", { timeoutMs: 5_000 }));
    expect(error).toMatchObject({ code: "TLS", outcome: "not-applied", endpoint: bridge.endpoint });
    expect(error.message).not.toContain("PRIVATE KEY");

    await renew(await tls.issue({ commonName: "client" }));
    await expect.poll(() => connection.states().get(bridge.endpoint), { timeout: 15_000 }).toBe("ready");
    await kv.put("F22", "third");
    expect((await kv.get("F22"))?.version).toBe(3n);
  });
});
