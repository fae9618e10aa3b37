import { describe, expect, it } from "vitest";
import { isEtcdError } from "./etcd-error.js";
import { ClusterChangedError, CompactedError, HistoryReplacedError } from "./history-errors.js";

describe("errors about the history of a store", () => {
  it("say what was seen and what is there, and are EtcdErrors of their codes", () => {
    const compacted = new CompactedError(50n, 7n);
    expect(isEtcdError(compacted, "COMPACTED")).toBe(true);
    expect(compacted).toMatchObject({ name: "CompactedError", compactRevision: 50n, lastSeen: 7n });
    expect(compacted.message).toBe(
      "the history before revision 50 has been compacted; events were delivered up to revision 7",
    );
    const replaced = new HistoryReplacedError(20n, 10n);
    expect(isEtcdError(replaced, "HISTORY_REPLACED")).toBe(true);
    expect(replaced).toMatchObject({ name: "HistoryReplacedError", seen: 20n, now: 10n });
    const changed = new ClusterChangedError(0xan, 0xbn);
    expect(isEtcdError(changed, "CLUSTER_CHANGED")).toBe(true);
    expect(changed).toMatchObject({ name: "ClusterChangedError", oldClusterId: 10n, newClusterId: 11n });
    expect(changed.message).toBe("another cluster answers: b in place of a");
  });

  it("do not name a revision that there is not", () => {
    const compacted = new CompactedError(50n, undefined);
    expect(compacted).not.toHaveProperty("lastSeen");
    expect(compacted.message).toBe("the history before revision 50 has been compacted");
  });
});
