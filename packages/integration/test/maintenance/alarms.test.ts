import { createClient } from "@connectrpc/connect";
import { AlarmRequest_AlarmAction, AlarmType, Maintenance as Service } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createMaintenance } from "@etcdkit/maintenance";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

const soon = { timeout: 20_000 };

describeEachEtcd("an alarm", (etcd) => {
  describe("for want of space", () => {
    const shared = etcd.shared({ args: ["--quota-backend-bytes", "4194304"] });

    // F40; common/alarm_test.go:TestAlarm, integration/v3_alarm_test.go:TestV3StorageQuotaApply
    it("stops writes until history is compacted, the database defragmented and the alarm disarmed", async () => {
      await using connection = shared.connect();
      const [kv, maintenance] = [createKv(connection), createMaintenance(connection)];
      const [endpoint = ""] = shared.endpoints;
      expect((await maintenance.alarmList()).alarms).toEqual([]);

      const key = uniqueKey();
      const value = new Uint8Array(200_000);
      let written = 0;
      const fill = async (): Promise<void> => {
        for (; written < 100; written++) await kv.put(key, value);
      };
      const full = await rejection(fill);
      expect(full.error).toMatchObject({ code: "NO_SPACE", outcome: "unknown" });
      expect(written).toBeGreaterThan(10);

      const { memberId } = (await maintenance.status(endpoint)).header;
      await expect
        .poll(async () => (await maintenance.alarmList()).alarms, soon)
        .toEqual([{ memberId, type: "nospace" }]);
      expect((await maintenance.status(endpoint)).errors.join()).toContain("NOSPACE");
      // No write, however small; reads and deletions go on.
      const small = await rejection(() => kv.put(key, "x"));
      expect(small.error.code).toBe("NO_SPACE");
      expect(small.afterMs).toBeLessThan(5_000);
      const lease = await rejection(() => createLeases(connection).grant(60));
      expect(lease.error).toMatchObject({ code: "NO_SPACE", outcome: "unknown" });
      expect((await kv.range(key, { countOnly: true })).count).toBe(1);
      const { header } = await kv.delete(key);

      await kv.compact(header.revision, { physical: true });
      await maintenance.defragment(endpoint);
      const still = await rejection(() => kv.put(key, "x"));
      expect(still.error.code).toBe("NO_SPACE");
      const { alarms } = await maintenance.alarmDisarm();
      expect(alarms).toEqual([{ memberId, type: "nospace" }]);
      await kv.put(key, "x");
      expect((await maintenance.alarmList()).alarms).toEqual([]);
      expect((await maintenance.status(endpoint)).errors).toEqual([]);
    });

    it("that is not raised can be disarmed, to no effect", async () => {
      await using connection = shared.connect();
      const maintenance = createMaintenance(connection);
      expect((await maintenance.alarmDisarm()).alarms).toEqual([]);
      expect((await maintenance.alarmDisarm({ memberId: 1n, type: "nospace" })).alarms).toEqual([]);
      expect((await maintenance.alarmDisarm({ type: "corrupt" })).alarms).toEqual([]);
    });
  });

  describe("for corrupt data", () => {
    const shared = etcd.shared({ members: 3 });

    /** Raises an alarm as members do when their hashes differ; the client has no call for that. */
    async function raise(memberID: bigint, alarm: AlarmType): Promise<void> {
      await using admin = await shared.cluster.openAdmin();
      await createClient(Service, admin.transport).alarm({
        action: AlarmRequest_AlarmAction.ACTIVATE,
        memberID,
        alarm,
      });
    }

    // F41; integration/v3_alarm_test.go:TestV3CorruptAlarm, TestV3AlarmDeactivate,
    // common/alarm_test.go:TestAlarmlistOnMemberRestart
    it("stops writes, outlives a restart, and is disarmed by member and kind", async () => {
      await using connection = shared.connect();
      const [kv, maintenance] = [createKv(connection), createMaintenance(connection)];
      const ids = await Promise.all(
        shared.endpoints.map(async (endpoint) => (await maintenance.status(endpoint)).header.memberId),
      );
      const [first = 0n, second = 0n] = ids;
      await raise(first, AlarmType.CORRUPT);
      const write = await rejection(() => kv.put("any", "x"));
      expect(write.error).toMatchObject({ code: "CORRUPT", grpcCode: "DATA_LOSS", outcome: "unknown" });
      // Nobody knows whether what is read is right, but it is read.
      await expect(kv.get("any")).resolves.toBeUndefined();
      await raise(second, AlarmType.NOSPACE);
      const all = [
        { memberId: first, type: "corrupt" },
        { memberId: second, type: "nospace" },
      ];
      const listed = async (endpoint?: string): Promise<unknown> =>
        [...(await maintenance.alarmList({ endpoint })).alarms].sort((a, b) => a.type.localeCompare(b.type));
      // Each member has its own list, and hears of an alarm in its turn.
      for (const endpoint of shared.endpoints) await expect.poll(() => listed(endpoint), soon).toEqual(all);

      await shared.cluster.members[2]?.restart();
      const [, , third = ""] = shared.endpoints;
      await expect.poll(() => listed(third), soon).toEqual(all);

      expect((await maintenance.alarmDisarm({ memberId: first })).alarms).toEqual([all[0]]);
      expect((await maintenance.alarmDisarm({ memberId: second, type: "nospace" })).alarms).toEqual([all[1]]);
      for (const endpoint of shared.endpoints) await expect.poll(() => listed(endpoint), soon).toEqual([]);
      await kv.put("any", "x");
      expect((await kv.delete("any")).deleted).toBe(1);
    });
  });
});
