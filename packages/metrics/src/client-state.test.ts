import { diagnostics } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { openClientState } from "./client-state.js";

const { links, watches, leases } = diagnostics;

describe("openClientState", () => {
  it("counts links by endpoint and state, until they are closed", () => {
    using state = openClientState();
    const [one, two, three] = [{}, {}, {}];
    const tell = (link: object, endpoint: string, linkState: "idle" | "ready" | "failed" | "closed"): void =>
      links.publish({ link, endpoint, state: linkState, error: undefined });
    tell(one, "http://a", "idle");
    tell(one, "http://a", "ready");
    tell(two, "http://a", "ready");
    tell(three, "http://b", "failed");
    expect(state.links).toEqual([
      { endpoint: "http://a", state: "ready", count: 2 },
      { endpoint: "http://b", state: "failed", count: 1 },
    ]);
    for (const link of [one, two, three]) tell(link, "http://a", "closed");
    expect(state.links).toEqual([]);
  });

  it("adds up watchers and lease clients, the last word of each", () => {
    using state = openClientState();
    const [ann, bob] = [{}, {}];
    expect(state.watches).toEqual({ watches: 0, streams: 0, parked: 0 });
    watches.publish({ watcher: ann, watches: 5, streams: 1, parked: 0 });
    watches.publish({ watcher: ann, watches: 6, streams: 1, parked: 2 });
    watches.publish({ watcher: bob, watches: 3, streams: 2, parked: 1 });
    expect(state.watches).toEqual({ watches: 9, streams: 3, parked: 3 });
    watches.publish({ watcher: ann, watches: 0, streams: 0, parked: 0 });
    expect(state.watches).toEqual({ watches: 3, streams: 2, parked: 1 });
    leases.publish({ leases: ann, keptAlive: 4, streams: 1 });
    leases.publish({ leases: bob, keptAlive: 1, streams: 1 });
    expect(state.leases).toEqual({ keptAlive: 5, streams: 2 });
  });

  it("listens no longer once it is disposed of", () => {
    const before = [links, watches, leases].map((channel) => channel.hasSubscribers);
    const state = openClientState();
    expect([links, watches, leases].map((channel) => channel.hasSubscribers)).toEqual([true, true, true]);
    state[Symbol.dispose]();
    expect([links, watches, leases].map((channel) => channel.hasSubscribers)).toEqual(before);
  });
});
