import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { rejection } from "../support/rejection.js";
import { linkKinds } from "./breakable-link.js";
import { bytes, failureOf, onServer } from "./transport-ground.js";

// What is lost, no server sees: its version does not matter.
describeNewestEtcd("a link that loses packets", (etcd) => {
  const shared = etcd.shared({ listen: "unix" });

  describe.each(linkKinds)("by $name", ({ name, open }) => {
    it("F14 some, and tiny ones: everything is done, once and right, and the link is not given up", async () => {
      await using link = await open(shared.endpoints[0] ?? "");
      // Pinged more often than this, etcd would hang up.
      await using ground = onServer(link.endpoint, {
        keepAlive: { intervalMs: 5_000, timeoutMs: 5_000, withoutCalls: false },
      });
      await ground.connect();
      await link.loseSome();
      const values = [1, 10_000, 40_000].map((size) => Buffer.alloc(size, `${name}${size}`));
      for (let round = 1; round <= 3; round++) {
        await Promise.all(
          values.map((value, index) =>
            ground.kv.put({ key: bytes(`F14/${name}/${index}`), value }, { timeoutMs: 30_000 }),
          ),
        );
        const range = { key: bytes(`F14/${name}/`), rangeEnd: bytes(`F14/${name}0`) };
        const { kvs } = await ground.kv.range(range, { timeoutMs: 30_000 });
        expect(kvs.map(({ value }) => Buffer.from(value).toString())).toEqual(values.map(String));
        expect(kvs.map(({ version }) => version)).toEqual([round, round, round].map(BigInt));
      }
      expect(ground.states).toEqual(["connecting", "ready"]);
      const lost = await link.lost();
      if (lost !== undefined) expect(lost).toBeGreaterThan(0.1);
    });

    it("F04 all of a sudden: a call hears of it by ping, and the next dial succeeds once they get through again", async () => {
      await using link = await open(shared.endpoints[0] ?? "");
      await using ground = onServer(link.endpoint, {
        keepAlive: { intervalMs: 300, timeoutMs: 1_000, withoutCalls: false },
      });
      await ground.connect();
      await ground.kv.put({ key: bytes("F04") });
      await link.goDark();
      const startMs = performance.now();
      expect(await failureOf(ground.kv.put({ key: bytes("F04") }, { timeoutMs: 20_000 }))).toBe(
        "Unavailable unknown",
      );
      expect(performance.now() - startMs).toBeLessThan(10_000);
      await expect(ground.connect(500)).rejects.toThrow();
      await link.goOn();
      await ground.connect();
      await ground.kv.put({ key: bytes("F04") });
    });

    it("F05 all from the start: dials fail in their time, until packets get through", async () => {
      await using link = await open(shared.endpoints[0] ?? "");
      await link.goDark();
      await using connection = connect({ endpoints: link.endpoint, dialTimeoutMs: 300 });
      const kv = createKv(connection);
      const { error } = await rejection(() => kv.put("F05", "", { timeoutMs: 1_000 }));
      expect(error).toMatchObject({ code: "DEADLINE", outcome: "not-applied", endpoint: link.endpoint });
      expect(error.message).toContain("no connection within 300 ms");
      const waiting = kv.put("F05", "", { timeoutMs: 30_000 });
      await link.goOn();
      await waiting;
    });
  });
});
