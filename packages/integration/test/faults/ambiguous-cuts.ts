import { setTimeout as delay } from "node:timers/promises";
import type { CallOptions } from "@etcdkit/core";
import type { Bridge, Direction } from "@etcdkit/testing";

const longestWriteMs = 5;

/** How many bytes one undisturbed write takes on an open link. */
export interface WriteSize {
  readonly toServer: number;
  readonly toClient: number;
}

/** A way to leave the writer in doubt. */
export interface AmbiguousCut {
  readonly name: string;
  /** How many of every hundred cuts are made in this way. */
  readonly share: number;
  /**
   * Sends the write over a link that is up and breaks it.
   *
   * @param fraction - Of the way, from 0 to 1, for cuts that can come at any byte.
   */
  strike(bridge: Bridge, size: WriteSize, fraction: number, send: Send): Promise<void>;
}

/** Sends the write and waits for its end, be it good or bad. */
export type Send = (call?: CallOptions) => Promise<void>;

/** Cuts after some byte of the request or of the answer; a write that takes fewer bytes than expected is let go. */
function cutWithin(direction: Direction): AmbiguousCut["strike"] {
  return async (bridge, size, fraction, send) => {
    const cut = bridge.cutAfter(1 + Math.floor(fraction * (size[direction] - 1)), direction);
    cut.catch(() => undefined); // never reached: the bridge is closed before
    await send();
  };
}

export const ambiguousCuts: readonly AmbiguousCut[] = [
  {
    name: "answer lost, then RST",
    share: 30,
    async strike(bridge, _size, _fraction, send) {
      const cut = bridge.dropAnswersThenCut({ quietMs: 5 });
      await Promise.all([send(), cut]);
    },
  },
  { name: "RST at a byte of the request", share: 30, strike: cutWithin("toServer") },
  { name: "RST at a byte of the answer", share: 15, strike: cutWithin("toClient") },
  {
    name: "abort after sending",
    share: 13,
    async strike(bridge, _size, fraction, send) {
      const abort = new AbortController();
      // From the first byte on, up to when the server has long carried it out and its answer waits in the bridge.
      const sent = bridge.carried(bridge.forwarded("toServer") + 1, "toServer").then(async () => {
        await delay(fraction * longestWriteMs);
        abort.abort(new Error("no longer wanted"));
      });
      await bridge.blackhole("toClient");
      await Promise.all([send({ signal: abort.signal }), sent]);
    },
  },
  {
    name: "deadline",
    share: 12,
    async strike(bridge, _size, _fraction, send) {
      await bridge.blackhole("toClient");
      await send({ timeoutMs: 20 });
    },
  },
];
