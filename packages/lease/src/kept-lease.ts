import type { LeaseRenewal } from "@etcdkit/core";
import type { KeepAliveHandle } from "./keep-alive-handle.js";
import type { RenewalStream } from "./renewal-stream.js";
import type { Sleeper } from "./wake-heap.js";

/**
 * What is known of one lease that is kept alive. There may be very many: nothing in here is a timer, a closure, a promise
 * or a signal.
 */
export class KeptLease implements Sleeper {
  readonly id: bigint;
  readonly handles: KeepAliveHandle[] = [];
  wakeAt = 0;
  heapIndex = -1;
  /** In milliseconds; 0 as long as no renewal was answered. */
  ttlMs = 0;
  /** When it counts as lost unless a renewal succeeds. */
  deadline: number;
  /** When the next renewal is due or, while one is under way, when that is to be repeated. */
  nextAt = 0;
  /** When the renewal under way was asked for. */
  askedAt = 0;
  /** The stream on which a renewal is under way. */
  stream: RenewalStream | undefined;
  /** A stream broke over this lease, and it is being found out, apart from the others, whether it may be renewed at all. */
  suspect = false;
  renewal: LeaseRenewal | undefined;

  constructor(id: bigint, deadline: number) {
    this.id = id;
    this.deadline = deadline;
  }
}
