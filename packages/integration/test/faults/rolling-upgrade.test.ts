import { createMaintenance } from "@etcdkit/maintenance";
import { compareVersions, findEtcdBinary, startEtcd } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { installed } from "../support/each-etcd.js";
import { allServe, rolesOf } from "../support/leader.js";
import { behavesSo } from "../support/version-differences.js";
import { none } from "../watch/journal.js";
import { startEverything, told } from "./everything.js";

await findEtcdBinary(); // its error says how to get a server, when there is none
/** Oldest first, as a cluster would be upgraded. A single one is restarted member by member. */
const path = installed.map(({ version }) => version).sort(compareVersions);
const [first = "", ...later] = path;
const upgrades = later.length === 0 ? [first] : later;

// F36
it(`programs go on while a cluster is upgraded, member by member: ${[first, ...upgrades].join(" to ")}`, async () => {
  await using cluster = await startEtcd({ version: first, members: 3 });
  await using connection = connectTo(cluster);
  const everything = await startEverything(cluster, connection, {
    ttlSeconds: 20,
    // A member that has just started may need 7 s to say that it cannot serve a call yet.
    call: { timeoutMs: 20_000 },
  });
  await everything.more(50);
  for (const version of upgrades) {
    const { leader, followers } = await rolesOf(cluster);
    // As administrators are told to: the leader last.
    for (const member of [...followers, leader]) {
      await member.restart({ version });
      await allServe(cluster);
      await everything.more(30);
    }
    const maintenance = createMaintenance(connection);
    for (const { endpoint } of cluster.members) {
      expect((await maintenance.status(endpoint)).version).toBe(version);
    }
  }
  const report = await everything.finish();
  console.log(told(`upgrade ${[first, ...upgrades].join(" to ")}`, report));
  expect(report.readFailures).toEqual([]);
  expect(report.writes.faults).toEqual([]);
  expect(report.leaseLosses).toEqual([]);
  if (path.every((version) => behavesSo(version, "sound-reads"))) expect(report.revisionsWentBack).toBe(0);
  expect(report.watches).toEqual(report.watches.map(() => none));
}, 300_000);
