import { describe, expect, it } from "vitest";
import { EtcdError, isEtcdError } from "../errors/etcd-error.js";
import { isKeepAliveHalted, KeepAliveHaltedError } from "./keep-alive-halted-error.js";

describe("KeepAliveHaltedError", () => {
  it("is an EtcdError that says which lease, why, and what was underneath", () => {
    const cause = new Error("the link broke");
    const error = new KeepAliveHaltedError(7n, "deadline", cause);
    expect(isEtcdError(error, "KEEPALIVE_HALTED")).toBe(true);
    expect(error).toMatchObject({ name: "KeepAliveHaltedError", leaseId: 7n, reason: "deadline", cause });
    expect(error.message).toBe("lease 7 is kept alive no longer: no renewal succeeded in time");
    expect("cause" in new KeepAliveHaltedError(7n, "closed")).toBe(false);
  });

  it("is told from other errors, and by its reason", () => {
    const error = new KeepAliveHaltedError(7n, "expired");
    expect(isKeepAliveHalted(error)).toBe(true);
    expect(isKeepAliveHalted(error, "expired")).toBe(true);
    expect(isKeepAliveHalted(error, "closed")).toBe(false);
    for (const other of [new EtcdError("CLOSED", "no"), new Error("no"), undefined, { reason: "expired" }]) {
      expect(isKeepAliveHalted(other)).toBe(false);
    }
  });
});
