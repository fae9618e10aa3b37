import { expect, it, vi } from "vitest";
import { fakeSession, found, header, pair, scriptedKv, txn } from "../test/fake-services.js";
import { createRwMutex, type RwMutex } from "./rw-mutex.js";

const deleted = () => ({ header: header(10n), deleted: 1, prevKvs: [] });
const own = found(9n, pair("m/read/1", "", 9n));

// F67
it.each([
  ["readLock", (mutex: RwMutex) => mutex.readLock(), [() => found(9n), () => own]],
  ["tryReadLock", (mutex: RwMutex) => mutex.tryReadLock(), []],
] as const)(
  "%s hands out no lock that may be another's by now, and removes its key",
  async (_, lock, answers) => {
    const kv = scriptedKv(() => txn(9n, true, {}), ...answers, deleted);
    const { session } = fakeSession(kv);
    // The process stalled for as long as the lease lived.
    const stalled = { ...session, remainingMs: () => 0, isHeld: () => false };
    await expect(lock(createRwMutex(stalled, "m"))).rejects.toMatchObject({ code: "NOT_HOLDER" });
    await vi.waitFor(() => expect(kv.asked.at(-1)).toMatchObject({ type: "delete" }));
  },
);
