import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { linkIsDown } from "../support/link-is-down.js";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { pretendNames } from "./names.js";

const name = "members.test";

// Names are looked up by the client: the server's version does not matter.
describeNewestEtcd("F25 a name", (etcd) => {
  const shared = etcd.shared();

  it("with several addresses leads to the one that listens, and to the next when that is gone", async () => {
    await using one = await openBridge(shared.endpoints[0] ?? "", { host: "127.0.0.2" });
    const { port } = one;
    await using other = await openBridge(shared.endpoints[0] ?? "", { host: "127.0.0.3", port });
    using names = pretendNames();
    names.set(name, "127.0.0.4", "127.0.0.2", "127.0.0.3"); // nobody listens at the first
    await using connection = shared.connect({
      endpoints: `http://${name}:${port}`,
      dialTimeoutMs: 20_000,
      callTimeoutMs: 20_000,
    });
    const kv = createKv(connection);
    const startMs = performance.now();
    await kv.get("F25");
    expect(performance.now() - startMs).toBeLessThan(5_000); // a dial may take four times that
    expect([one.connections(), other.connections()]).toEqual([1, 0]);
    await one.refuse();
    one.cut();
    await kv.get("F25");
    expect([one.connections(), other.connections()]).toEqual([0, 1]);
  });

  it("whose addresses change is looked up again at the next dial", async () => {
    await using before = await openBridge(shared.endpoints[0] ?? "", { host: "127.0.0.2" });
    const { port } = before;
    await using after = await openBridge(shared.endpoints[0] ?? "", { host: "127.0.0.3", port });
    using names = pretendNames();
    names.set(name, "127.0.0.2");
    await using connection = shared.connect({ endpoints: `http://${name}:${port}` });
    const kv = createKv(connection);
    await kv.get("F25");
    names.set(name, "127.0.0.3");
    await kv.get("F25");
    // A link that works is not left for an address that is new.
    expect([before.connections(), after.connections()]).toEqual([1, 0]);
    before.cut(); // and it still listens there
    await kv.get("F25");
    expect([before.connections(), after.connections()]).toEqual([0, 1]);
    expect(names.asked(name)).toBe(2);
  });

  it("that can no longer be resolved does no harm to the link there is", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    using names = pretendNames();
    names.set(name, "127.0.0.1");
    await using connection = shared.connect({ endpoints: `http://${name}:${bridge.port}` });
    const kv = createKv(connection);
    await kv.get("F25");
    names.set(name);
    for (let call = 0; call < 10; call++) await kv.put("F25", `${call}`);
    expect(names.asked(name)).toBe(1);
  });

  it("that cannot be resolved is asked for again and again, says so, and works once it can", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    using names = pretendNames();
    names.set(name);
    const endpoint = `http://${name}:${bridge.port}`;
    await using connection = shared.connect({ endpoints: endpoint });
    const kv = createKv(connection);
    const { error } = await rejection(() => kv.put("F25", "", { timeoutMs: 1_000 }));
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied", endpoint });
    expect(error.message).toContain(`getaddrinfo ENOTFOUND ${name}`);
    const asked = names.asked(name);
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThan(40); // with pauses that grow
    const waiting = kv.put("F25", "", { timeoutMs: 30_000 });
    names.set(name, "127.0.0.1");
    await waiting;
  });

  it("that fails is one endpoint of several, and the others serve", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    using names = pretendNames();
    names.set(name, "127.0.0.1");
    const endpoint = `http://${name}:${bridge.port}`;
    await using connection = shared.connect({ endpoints: [endpoint, ...shared.endpoints] });
    const kv = createKv(connection);
    await kv.get("F25");
    await expect.poll(() => connection.states().get(endpoint), { timeout: 15_000 }).toBe("ready");
    names.set(name);
    bridge.cut();
    await linkIsDown(connection, [endpoint]);
    for (let call = 0; call < 10; call++) await kv.put("F25", `${call}`);
    names.set(name, "127.0.0.1");
    await expect.poll(() => connection.states().get(endpoint), { timeout: 20_000 }).toBe("ready");
  });
});
