import { EtcdError, type EtcdErrorCode } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { type FailedStream, FailureJudge } from "./failure-judge.js";

const fresh: FailedStream = { established: false, worked: false, endpoints: 3 };

function failure(code: EtcdErrorCode, grpcCode?: EtcdError["grpcCode"]): EtcdError {
  return new EtcdError(code, "failed", { grpcCode });
}

describe("a failed stream", () => {
  it.each([
    failure("UNAVAILABLE"),
    failure("DEADLINE"),
    failure("INTERNAL", "INTERNAL"),
    failure("STOPPED", "UNAVAILABLE"),
    failure("LEADER_CHANGED", "UNAVAILABLE"),
    failure("CANCELED", "CANCELLED"),
  ])("is opened again for as long as it takes after $code", async (error) => {
    const clock = new ManualClock();
    const judge = new FailureJudge(clock);
    for (let minute = 0; minute < 10; minute++) {
      expect(judge.isFinal(error, fresh)).toBe(false);
      await clock.advance(60_000);
    }
  });

  it.each([
    failure("AUTH_FAILED", "INVALID_ARGUMENT"),
    failure("MESSAGE_TOO_LARGE"),
    failure("UNIMPLEMENTED", "UNIMPLEMENTED"),
    failure("CLOSED"),
    failure("HISTORY_REPLACED"),
    failure("CLUSTER_CHANGED"),
  ])("has ended with $code", (error) => {
    expect(new FailureJudge(new ManualClock()).isFinal(error, fresh)).toBe(true);
  });

  it("has ended with what is no EtcdError", () => {
    expect(new FailureJudge(new ManualClock()).isFinal(new TypeError("bad header"), fresh)).toBe(true);
  });

  it.each([
    failure("NO_LEADER", "UNAVAILABLE"),
    failure("NOT_SUPPORTED_FOR_LEARNER", "FAILED_PRECONDITION"),
    failure("UNKNOWN", "UNKNOWN"),
  ])("is tried at other members after $code, for five seconds", async (error) => {
    const clock = new ManualClock();
    const judge = new FailureJudge(clock);
    for (let i = 0; i < 5; i++) {
      expect(judge.isFinal(error, fresh)).toBe(false);
      await clock.advance(999);
    }
    await clock.advance(5);
    expect(judge.isFinal(error, fresh)).toBe(true);
  });

  it("has another five seconds after a success", async () => {
    const clock = new ManualClock();
    const judge = new FailureJudge(clock);
    expect(judge.isFinal(failure("NO_LEADER"), fresh)).toBe(false);
    await clock.advance(4_000);
    judge.succeeded();
    expect(judge.isFinal(failure("NO_LEADER"), fresh)).toBe(false);
    await clock.advance(4_000);
    expect(judge.isFinal(failure("NO_LEADER"), fresh)).toBe(false);
  });

  it.each<[EtcdErrorCode, FailedStream, boolean]>([
    // The member has waited for three election timeouts before it ended the stream; a new one it refuses at once.
    ["NO_LEADER", { established: true, worked: true, endpoints: 1 }, true],
    ["NO_LEADER", { established: true, worked: false, endpoints: 1 }, false],
    ["NO_LEADER", { established: true, worked: true, endpoints: 2 }, false],
    ["NOT_SUPPORTED_FOR_LEARNER", { established: false, worked: false, endpoints: 1 }, true],
    ["TLS", { established: false, worked: false, endpoints: 3 }, true],
    ["TLS", { established: true, worked: false, endpoints: 3 }, false],
    ["PROTOCOL", { established: false, worked: false, endpoints: 3 }, true],
    ["PROTOCOL", { established: true, worked: true, endpoints: 1 }, false],
  ])("ends at once where nothing else is left to try: %s, %o: %s", (code, stream, isFinal) => {
    expect(new FailureJudge(new ManualClock()).isFinal(failure(code), stream)).toBe(isFinal);
  });

  it.each(["INVALID_AUTH_TOKEN", "USER_EMPTY", "PERMISSION_DENIED"] as const)(
    "gets one more token after %s",
    (code) => {
      const judge = new FailureJudge(new ManualClock());
      expect(judge.isFinal(failure(code), fresh)).toBe(false);
      expect(judge.isFinal(failure(code), fresh)).toBe(true);
      judge.succeeded();
    },
  );
});
