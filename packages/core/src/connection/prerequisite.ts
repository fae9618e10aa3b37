import type { EtcdError } from "../errors/etcd-error.js";
import type { ResolvedOptions } from "./connect-options.js";

/** Why something is not there yet, for the error of a call that could not wait for it any longer. */
export interface Delay {
  /** What is waited for, in words that go on after "waiting for". */
  readonly what: string;
  /** The one endpoint that has not answered. */
  readonly endpoint?: string | undefined;
  /** The last failure on the way. */
  readonly cause?: EtcdError | undefined;
}

/** Something that calls need before they are sent, obtained once for all that wait for it. */
export interface Prerequisite {
  /** Whether calls may go out. */
  readonly ready: boolean;
  /** Why it takes so long, at this moment. */
  readonly delay: Delay;
  /** Waits for what is under way, or begins. Rejects with what the effort rejected with; the next call begins another. */
  fetch(): Promise<void>;
}

// Of the default `callTimeoutMs`, where calls may take for ever.
const usualCallTimeoutMs = 10_000;

/**
 * The longest that one log-in or version check may take, in milliseconds: a third of what a call may, so that a member
 * that is connected but does not answer costs a call one of three tries, and a try that failed is there to be told of.
 * Never less than an attempt to connect may take, which comes first. A call with less time than that says what it was
 * waiting for, by {@link Delay}.
 */
export function effortTimeoutMs({
  callTimeoutMs,
  dialTimeoutMs,
}: Pick<ResolvedOptions, "callTimeoutMs" | "dialTimeoutMs">): number {
  const whole = Number.isFinite(callTimeoutMs) ? callTimeoutMs : usualCallTimeoutMs;
  return Math.max(Math.ceil(whole / 3), dialTimeoutMs);
}
