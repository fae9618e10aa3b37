import type { Isolation } from "@etcdkit/concurrency";
import { describe, expect, it } from "vitest";
import { sharedStore } from "../kv/store.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { anomalies } from "./stm/anomalies.js";

const levels: readonly Isolation[] = [
  "serializable-snapshot",
  "serializable",
  "repeatable-reads",
  "read-committed",
];

describeEachEtcd("levels of isolation", (etcd) => {
  const store = sharedStore(etcd);

  // That the lowest level lets most of it happen shows that it was provoked.
  describe.each(anomalies)("$name", ({ happensAt, provoke }) => {
    it.each(
      levels.map((level) => ({ level, may: happensAt.includes(level) ? "happens" : "does not happen" })),
    )("$may at $level", async ({ level }) => {
      expect(await provoke(store.kv, uniqueKey("isolation"), level)).toBe(happensAt.includes(level));
    });
  });
});
