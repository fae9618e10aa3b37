import type { KeyValue } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { headerAt } from "../../core/test/header-at.js";
import { ManualClock } from "../../core/test/manual-clock.js";
import { eventOf, FakeServices } from "../test/fake-services.js";
import type { Entry } from "./entries.js";
import { LeasingKeys } from "./leasing-keys.js";
import { LeasingSession } from "./leasing-session.js";

async function opened() {
  const [services, clock, life] = [new FakeServices(), new ManualClock(), new AbortController()];
  const { kv, leases, watcher } = services;
  const session = await LeasingSession.open({
    ...{ kv, leases, watcher, clock, life: life.signal, ttlSeconds: 10 },
    keys: new LeasingKeys(toBytes("l/", "prefix")),
    ...{ maxKeys: 100, maxBytes: 1_000_000, doubtedUpTo: 0n },
  });
  const own = (...names: readonly string[]): void => {
    for (const name of names) session.entries.set(entryOf(name));
  };
  const owned = (): readonly string[] => [...session.entries.all()].map(({ name }) => name);
  return { services, clock, session, own, owned, ours: { lease: session.leaseId, createRevision: 5n } };
}

function entryOf(name: string): Entry {
  return { name, key: toBytes(name, "key"), token: 5n, pair: undefined, revision: 5n, read: false };
}

describe("what is owned", () => {
  it("is given up when somebody asks for it: first in memory, then at the server", async () => {
    const { services, clock, session, own, owned, ours } = await opened();
    own("a", "b");
    services.watch.happen(9n, eventOf("l/a", 9n, "REVOKE", ours));
    await clock.settle();
    expect(owned()).toEqual(["b"]);
    expect([session.releases.has("a"), session.pauses.has("a")]).toEqual([true, true]);
    session.end(new Error("over"));
    await session.closed();
  });

  // C-20
  it("is dropped when its leasing key is deleted, or is somebody else's", async () => {
    const { services, clock, session, own, owned } = await opened();
    own("a", "b", "c");
    services.watch.happen(9n, eventOf("l/a", 9n), eventOf("l/b", 9n, "", { lease: 99n }));
    await clock.settle();
    expect(owned()).toEqual(["c"]);
    expect(session.releases.size).toBe(0);
    session.end(new Error("over"));
  });

  it("is not touched by what happened before it was owned, by its own acquisition, and by other keys", async () => {
    const { services, clock, session, own, owned, ours } = await opened();
    own("a");
    services.watch.happen(3n, eventOf("l/a", 3n), eventOf("other/a", 9n));
    services.watch.happen(4n, eventOf("l/a", 4n, "REVOKE", { lease: 99n }));
    services.watch.happen(5n, eventOf("l/a", 5n, "", ours));
    await clock.settle();
    expect(owned()).toEqual(["a"]);
    session.end(new Error("over"));
  });

  // lease/leasing_test.go:TestLeasingReconnectOwnerRevokeCompact
  it("is judged by what the leasing keys are now when events were compacted", async () => {
    const { services, clock, session, own, owned, ours } = await opened();
    own("kept", "gone", "asked", "again");
    session.entries.set({ ...entryOf("newer"), token: 50n });
    const departure = session.departures.expect("foreign");
    const kvs = [
      eventOf("l/kept", 5n, "", ours),
      eventOf("l/asked", 8n, "REVOKE", ours),
      eventOf("l/again", 9n, "", { ...ours, createRevision: 9n }),
    ].map(({ kv }) => kv as KeyValue);
    services.watch.deliver({ kind: "state", header: headerAt(20n), revision: 20n, kvs, last: true });
    await departure.after(30n);
    await clock.settle();
    expect(owned()).toEqual(["kept", "newer"]);
    expect(session.releases.has("asked")).toBe(true);
    session.end(new Error("over"));
  });

  it("is all dropped, and nothing is held, in the moment in which the session ends", async () => {
    const { services, session, own, owned } = await opened();
    own("a");
    expect(session.isHeld()).toBe(true);
    services.held = false;
    expect(session.isHeld()).toBe(false);
    services.held = true;
    services.lose();
    expect([owned(), session.isHeld(), session.entries.bytes]).toEqual([[], false, 0]);
    await session.closed();
    expect(services.revoked).toEqual([session.leaseId]);
    expect(services.watch.closed).toBe(true);
  });
});
