import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { together } from "../support/together.js";
import { pretendNames } from "./names.js";
import { openSilentPort } from "./silent-port.js";

// Nobody answers at the addresses that count here, so the server's version does not matter.
describeNewestEtcd("F05 an address that does not answer the first packet", (etcd) => {
  const shared = etcd.shared();

  it("costs no call anything while another endpoint is there", async () => {
    await using silent = await openSilentPort();
    const dead = `http://127.0.0.1:${silent.port}`;
    await using connection = shared.connect({
      endpoints: [dead, ...shared.endpoints],
      dialTimeoutMs: 20_000,
      callTimeoutMs: 20_000,
    });
    const kv = createKv(connection);
    for (let call = 0; call < 50; call++) {
      const startMs = performance.now();
      await kv.put("F05", `${call}`);
      expect(performance.now() - startMs).toBeLessThan(5_000); // a dial may take four times that
    }
    expect(connection.states().get(dead)).not.toBe("ready");
  });

  it.each(["first", "last"])(
    "costs 250 ms at most where the name has another one, and it comes %s",
    async (at) => {
      await using silent = await openSilentPort("127.0.0.2");
      // The name's port is that of the silent address: what listens there at the other address leads to etcd.
      const host = "127.0.0.3"; // where no other program has taken that port
      await using bridge = await openBridge(shared.endpoints[0] ?? "", { host, port: silent.port });
      using names = pretendNames();
      const addresses = [host, silent.host];
      names.set("members.test", ...(at === "first" ? addresses.reverse() : addresses));
      await using connection = shared.connect({
        endpoints: `http://members.test:${silent.port}`,
        dialTimeoutMs: 20_000,
        callTimeoutMs: 20_000,
      });
      const startMs = performance.now();
      await createKv(connection).get("F05");
      expect(performance.now() - startMs).toBeLessThan(2_500); // whatever else a busy machine does meanwhile
      expect(names.asked("members.test")).toBe(1);
      expect(bridge.connections()).toBe(1);
    },
  );

  it("is named with the reason, like every other one, when there is none that answers", async () => {
    await using silent = await together(openSilentPort("127.0.0.1"), openSilentPort("127.0.0.2"));
    const endpoints = silent.all.map(({ host, port }) => `http://${host}:${port}`);
    await using connection = shared.connect({ endpoints, dialTimeoutMs: 300 });
    const { error, afterMs } = await rejection(() =>
      createKv(connection).put("F05", "", { timeoutMs: 1_500 }),
    );
    expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied" });
    for (const endpoint of endpoints)
      expect(error.message).toContain(`${endpoint}: no connection within 300 ms`);
    expect(afterMs).toBeLessThan(5_000);
  });
});
