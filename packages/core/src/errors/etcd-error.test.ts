import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { EtcdError, isEtcdError, outcomeOf } from "./etcd-error.js";
import { grpcStatusName } from "./grpc-status.js";
import { noteOutcome } from "./outcome.js";

/** The class as another installed copy of this package has it. */
class ForeignEtcdError extends Error {
  readonly code = "COMPACTED";
  readonly outcome = "not-applied";
  static {
    Object.defineProperty(ForeignEtcdError.prototype, Symbol.for("etcdkit.error"), { value: true });
  }
}

describe("EtcdError", () => {
  it("is an Error with a code, and a cause where there is one", () => {
    const cause = new Error("below");
    const error = new EtcdError("UNAVAILABLE", "no", { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "EtcdError", code: "UNAVAILABLE", message: "no", cause });
  });

  it("has only the details that are known", () => {
    const bare = new EtcdError("CLOSED", "closed", { outcome: undefined, endpoint: undefined });
    expect(Object.keys(bare)).not.toContain("outcome");
    expect("cause" in bare).toBe(false);
    expect(inspect(bare)).not.toContain("undefined");
  });
});

describe("isEtcdError", () => {
  it("knows the errors of another installed copy of the package", () => {
    const foreign = new ForeignEtcdError("gone");
    expect(foreign instanceof EtcdError).toBe(false);
    expect(isEtcdError(foreign)).toBe(true);
    expect(isEtcdError(foreign, "COMPACTED")).toBe(true);
    expect(isEtcdError(foreign, "CLOSED")).toBe(false);
    expect(outcomeOf(foreign)).toBe("not-applied");
  });

  it("takes nothing else for one", () => {
    const lookalike = { code: "COMPACTED", [Symbol.for("etcdkit.error")]: true };
    for (const value of [undefined, null, "COMPACTED", {}, new Error("no"), new TypeError("no"), lookalike]) {
      expect(isEtcdError(value)).toBe(false);
    }
  });
});

describe("outcomeOf", () => {
  it("is that of the error; reads have none", () => {
    expect(outcomeOf(new EtcdError("NO_SPACE", "full", { outcome: "unknown" }))).toBe("unknown");
    expect(outcomeOf(new EtcdError("NO_LEADER", "none"))).toBeUndefined();
    expect(outcomeOf(new Error("somebody else's"))).toBeUndefined();
  });

  it("is what was known when the caller's abort ended the write", () => {
    const reason = new Error("changed my mind");
    expect(outcomeOf(reason)).toBeUndefined();
    noteOutcome(reason, "not-applied");
    expect(outcomeOf(reason)).toBe("not-applied");
  });

  it("stays unknown for a reason that ended several writes, one of them unknown", () => {
    const reason = new Error("shutting down");
    noteOutcome(reason, "unknown");
    noteOutcome(reason, "not-applied");
    expect(outcomeOf(reason)).toBe("unknown");
    const other = new Error("shutting down");
    noteOutcome(other, "not-applied");
    noteOutcome(other, "unknown");
    expect(outcomeOf(other)).toBe("unknown");
  });

  it("is told of a reason that is an EtcdError without an outcome of its own", () => {
    const reason = new EtcdError("CLOSED", "another connection is closed");
    noteOutcome(reason, "unknown");
    expect(outcomeOf(reason)).toBe("unknown");
    const owner = new EtcdError("DEADLINE", "no", { outcome: "not-applied" });
    noteOutcome(owner, "unknown");
    expect(outcomeOf(owner)).toBe("not-applied");
  });

  it("cannot be told of a reason that is not an object", () => {
    for (const reason of ["stop", 7, undefined, null, Symbol("stop")]) {
      noteOutcome(reason, "unknown");
      expect(outcomeOf(reason)).toBeUndefined();
    }
  });
});

describe("grpcStatusName", () => {
  it("names the 17 codes of gRPC, and calls every other number UNKNOWN", () => {
    expect(grpcStatusName(0)).toBe("OK");
    expect(grpcStatusName(14)).toBe("UNAVAILABLE");
    expect(grpcStatusName(16)).toBe("UNAUTHENTICATED");
    for (const other of [17, -1, 1.5, Number.NaN]) expect(grpcStatusName(other)).toBe("UNKNOWN");
  });
});
