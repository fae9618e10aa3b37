import { createMaintenance, type DowngradeResult } from "@etcdkit/maintenance";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";

/** The minor version before this one. */
function previous(version: string): string {
  const [major, minor] = version.split(".").map(Number);
  return `${major}.${(minor ?? 0) - 1}`;
}

describeEachEtcd("a downgrade", (etcd) => {
  const shared = etcd.shared();
  const current = etcd.version.replace(/\.\d+$/, "");

  if (!etcd.has("downgrade")) {
    it("is not known", async () => {
      await using connection = shared.connect();
      const maintenance = createMaintenance(connection);
      const { error } = await rejection(() => maintenance.downgrade("validate", previous(etcd.version)));
      expect(error).toMatchObject({ code: "UNIMPLEMENTED", outcome: "not-applied" });
    });
    return;
  }

  const confirmed = etcd.has("downgrade-answers");
  it(`is checked, begun and called off${confirmed ? "" : ", of which no member tells that it was done"}`, async () => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    const [endpoint = ""] = shared.endpoints;
    const target = previous(etcd.version);
    const version = expect.stringMatching(/^\d+\.\d+(\.0)?$/);
    const underWay = async (): Promise<string | undefined> =>
      (await maintenance.status(endpoint)).downgrade?.targetVersion;
    const carriedOut = async (work: Promise<DowngradeResult>): Promise<void> => {
      if (confirmed) expect((await work).version).toBe(current);
      else await expect(work).rejects.toMatchObject({ code: "DEADLINE", outcome: "unknown" });
    };

    // Only once the cluster has settled on a version.
    await expect
      .poll(() => maintenance.downgrade("validate", target).catch(({ code }) => code), { timeout: 20_000 })
      .toMatchObject({ version });
    expect(await underWay()).toBeUndefined();

    const call = { endpoint, timeoutMs: confirmed ? undefined : 3_000 };
    await carriedOut(maintenance.downgrade("enable", target, call));
    if (confirmed) expect(await underWay()).toBe(`${target}.0`);
    const twice = await rejection(() => maintenance.downgrade("enable", target));
    expect(twice.error).toMatchObject({ code: "DOWNGRADE_IN_PROCESS", outcome: "not-applied" });

    await carriedOut(maintenance.downgrade("cancel", call));
    expect(await underWay()).toBeUndefined();
    const again = maintenance.downgrade("cancel");
    if (confirmed) await again;
    else await expect(again).rejects.toMatchObject({ code: "NO_INFLIGHT_DOWNGRADE", outcome: "not-applied" });
  });

  it.each([
    ["three", "WRONG_DOWNGRADE_VERSION_FORMAT"],
    ["3.0", "INVALID_DOWNGRADE_TARGET_VERSION"],
    [current, "INVALID_DOWNGRADE_TARGET_VERSION"],
    ["4.0", "INVALID_DOWNGRADE_TARGET_VERSION"],
  ])("to %s is refused with %s", async (version, code) => {
    await using connection = shared.connect();
    const maintenance = createMaintenance(connection);
    for (const action of ["validate", "enable"] as const) {
      const { error } = await rejection(() => maintenance.downgrade(action, version));
      expect(error).toMatchObject({ code, outcome: "not-applied" });
    }
  });
});
