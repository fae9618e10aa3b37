import { describe, expect, it, vi } from "vitest";
import { FakeEtcd, type FakeLease } from "../test/fake-etcd.js";
import { createElection } from "./election.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";
import type { Session } from "./session.js";

/**
 * A session whose process stalls before it reads the answer to its next request, for as long as its lease lived. What had
 * arrived of renewals is read one turn of the event loop later.
 */
async function stalling(onRead: (lease: FakeLease) => void) {
  const etcd = new FakeEtcd();
  const session = await openSession(etcd.services());
  const lease = etcd.leases.get(session.leaseId);
  if (lease === undefined) throw new Error("the session has no lease");
  etcd.onStep = (step) => {
    if (step !== "answer") return;
    etcd.onStep = () => undefined;
    lease.remainingMs = 0;
    lease.onTimeUp = () => onRead(lease);
  };
  return { etcd, session };
}

// F63, F64
describe.each<[string, (session: Session) => Promise<{ isHeld(): boolean } | undefined>]>([
  ["lock", (session) => createMutex(session, "n").lock()],
  ["tryLock", (session) => createMutex(session, "n").tryLock()],
  ["campaign", (session) => createElection(session, "n").campaign(session, "v")],
])("%s, answered while the process stalled", (_, take) => {
  it("gives nothing that somebody else may have by now", async () => {
    const { session } = await stalling((lease) => lease.halt("deadline"));
    await expect(take(session)).rejects.toMatchObject({ code: "SESSION_LOST" });
  });

  it("gives it when a renewal was answered meanwhile, too", async () => {
    const { session } = await stalling((lease) => {
      lease.remainingMs = 60_000;
    });
    expect((await take(session))?.isHeld()).toBe(true);
  });

  it("does not give it as long as nobody can tell", async () => {
    const { etcd, session } = await stalling(() => undefined);
    await expect(take(session)).rejects.toMatchObject({ code: "NOT_HOLDER" });
    await vi.waitFor(() => expect(etcd.keys()).toEqual([]));
  });
});
