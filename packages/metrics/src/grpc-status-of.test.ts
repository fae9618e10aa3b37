import { EtcdError } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { grpcStatusOf } from "./grpc-status-of.js";

describe("grpcStatusOf", () => {
  it.each([
    [new EtcdError("EMPTY_KEY", "x", { grpcCode: "INVALID_ARGUMENT" }), "INVALID_ARGUMENT"],
    [new EtcdError("DEADLINE", "x"), "DEADLINE_EXCEEDED"],
    [new EtcdError("UNAVAILABLE", "x"), "UNAVAILABLE"],
    [new EtcdError("TLS", "x"), "UNAVAILABLE"],
    [new EtcdError("CLOSED", "x"), "CANCELLED"],
    [new EtcdError("CANCELLED", "x"), "CANCELLED"],
    [new EtcdError("PROTOCOL", "x"), "INTERNAL"],
    [new EtcdError("MESSAGE_TOO_LARGE", "x"), "RESOURCE_EXHAUSTED"],
    [new EtcdError("OLD_CLUSTER", "x"), "FAILED_PRECONDITION"],
    [new EtcdError("HISTORY_REPLACED", "x"), "UNKNOWN"],
    [new TypeError("x"), "UNKNOWN"],
    ["text", "UNKNOWN"],
  ])("names the status of %s", (error, status) => {
    expect(grpcStatusOf(error)).toBe(status);
  });

  it("knows the reason of a signal from other errors", () => {
    const reason = new Error("never mind");
    const signal = AbortSignal.abort(reason);
    expect(grpcStatusOf(reason, signal)).toBe("CANCELLED");
    expect(grpcStatusOf(new Error("another"), signal)).toBe("UNKNOWN");
    expect(grpcStatusOf(reason, new AbortController().signal)).toBe("UNKNOWN");
    const late = AbortSignal.abort(new DOMException("late", "TimeoutError"));
    expect(grpcStatusOf(late.reason, late)).toBe("DEADLINE_EXCEEDED");
  });
});
