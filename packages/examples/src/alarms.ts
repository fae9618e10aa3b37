// Finding and ending alarms. A member raises `nospace` when its database has reached the quota; the cluster then takes
// no writes until there is space again and somebody says so.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, maintenance } = etcd;

// #region disarm
const { alarms } = await maintenance.alarmList();
if (alarms.some(({ type }) => type === "nospace")) {
  const { header } = await kv.range({ prefix: "" }, { countOnly: true });
  await kv.compact(header.revision, { physical: true });
  for (const endpoint of etcd.connection.endpoints()) await maintenance.defragment(endpoint);
}
const disarmed = await maintenance.alarmDisarm({ type: "nospace" });
console.log(disarmed.alarms.length, "alarms disarmed");
// #endregion

// Output:
// 0 alarms disarmed
