import { describeEtcds, type EtcdUnderTest, installed } from "./each-etcd.js";

/** Defines cases that run on the newest server only: say in the block why that is enough. */
export function describeNewestEtcd(title: string, define: (etcd: EtcdUnderTest) => void): void {
  describeEtcds(title, installed.slice(0, 1), define);
}
