import { EtcdError, type TxnOp, utf8 } from "@etcdkit/core";
import { CallLimits } from "@etcdkit/core/spi";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  type Answer,
  fakeSession,
  found,
  header,
  pair,
  scriptedKv,
  scriptedWatcher,
  txn,
} from "../test/fake-services.js";
import { gate } from "../test/gate.js";
import { createOwnKey, createOwnKeyIfFree } from "./own-key.js";

const directory = new TextEncoder().encode("d/");
const limits = new CallLimits("a call");
const deleted: Answer = () => ({ header: header(30n), deleted: 1, prevKvs: [] });
const unavailable = new EtcdError("UNAVAILABLE", "no", { outcome: "unknown" });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("is made with the session's lease, and removed", async () => {
  const kv = scriptedKv(() => txn(9n, true, {}), deleted);
  const { session } = fakeSession(kv);
  const own = await createOwnKey(session, directory, limits);
  expect(own.createRevision).toBe(9n);
  expect(utf8(own.key)).toMatch(/^d\/[0-9]{19}$/);
  expect(kv.asked[0]).toMatchObject({ success: [{ type: "put", key: own.key, leaseId: 77n }] });
  expect(kv.calls[0]).toMatchObject({ timeoutMs: Number.POSITIVE_INFINITY });
  await own.remove();
  expect(kv.asked[1]).toMatchObject({ type: "delete", key: own.key });
  expect(own.signal.reason).toMatchObject({ code: "CLOSED" });
  expect(vi.getTimerCount()).toBe(0);
});

it("is one's own when a lost answer was that it was made, and made anew when somebody has drawn the same number", async () => {
  const kv = scriptedKv(
    () => txn(9n, false, found(9n, pair("d/1", "", 3n, 12n))),
    () => Promise.reject(unavailable),
    () => txn(10n, false, found(10n, pair("d/2", "", 8n, 77n))),
    deleted,
    deleted,
    deleted,
  );
  const own = await createOwnKey(fakeSession(kv).session, directory, limits);
  const [first, second, again] = kv.asked as [TxnOp, TxnOp, TxnOp];
  expect(first.compare[0]?.key).not.toEqual(second.compare[0]?.key);
  expect(again).toEqual(second);
  expect(kv.calls.map((call) => call?.idempotent)).toEqual([undefined, undefined, true]);
  expect([own.createRevision, utf8(own.key)]).toEqual([8n, utf8(second.compare[0]?.key ?? directory)]);
  await own.remove();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(vi.getTimerCount()).toBe(0);
});

// The copy that was sent first may be carried out last, however soon the second one was answered.
it("is removed once more after a while when it was asked for twice", async () => {
  const kv = scriptedKv(
    () => Promise.reject(unavailable),
    () => txn(9n, true, {}),
    deleted,
    deleted,
    deleted,
  );
  const own = await createOwnKey(fakeSession(kv).session, directory, limits);
  await own.remove();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kv.asked.map(({ type }) => type)).toEqual(["txn", "txn", "delete", "delete", "delete"]);
  expect(kv.asked[4]).toMatchObject({ key: own.key });
  expect(vi.getTimerCount()).toBe(0);
});

it("is not confirmed where the process stalled for as long as the lease lived", async () => {
  const kv = scriptedKv(() => txn(9n, true, {}), deleted);
  const { session } = fakeSession(kv);
  let remainingMs = 0;
  const own = await createOwnKey({ ...session, remainingMs: () => remainingMs }, directory, limits);
  vi.useRealTimers();
  await expect(own.confirm()).rejects.toMatchObject({ code: "NOT_HOLDER" });
  const confirmed = own.confirm();
  remainingMs = 1; // a renewal was answered meanwhile
  await confirmed;
  await own.remove();
});

it("is not made where it has to be the only one, and is not", async () => {
  const kv = scriptedKv(() => txn(9n, false, found(9n)));
  expect(
    await createOwnKeyIfFree(fakeSession(kv).session, directory, { prefix: "w/" }, limits),
  ).toBeUndefined();
  expect(kv.asked[0]).toMatchObject({
    compare: [{ target: "version" }, { target: "version", rangeEnd: expect.anything() }],
  });
});

it("is removed, though others came first, when it was asked for twice", async () => {
  const kv = scriptedKv(
    () => Promise.reject(unavailable),
    () => txn(9n, false, found(9n)),
    deleted,
    deleted,
  );
  const { session } = fakeSession(kv);
  expect(await createOwnKeyIfFree(session, directory, { prefix: "w/" }, limits)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kv.asked.map(({ type }) => type)).toEqual(["txn", "txn", "delete", "delete"]);
  expect(kv.asked[3]).toMatchObject({ key: (kv.asked[0] as TxnOp).compare[0]?.key });
  expect(vi.getTimerCount()).toBe(0);
});

it("is removed when its caller has given up before it was made", async () => {
  const answer = gate<unknown>();
  const kv = scriptedKv(() => answer.promise, deleted);
  const controller = new AbortController();
  const making = createOwnKey(
    fakeSession(kv).session,
    directory,
    new CallLimits("a call", { signal: controller.signal }),
  );
  controller.abort("enough");
  await expect(making).rejects.toBe("enough");
  expect(kv.asked).toHaveLength(1);
  answer.resolve(txn(9n, true, {}));
  await vi.waitFor(() => expect(kv.asked).toHaveLength(2));
  expect(kv.asked[1]).toMatchObject({ type: "delete", key: (kv.asked[0] as TxnOp).compare[0]?.key });
});

it("is removed, and once more after a while, when it is not known whether it was made", async () => {
  const denied = new EtcdError("PERMISSION_DENIED", "no", { outcome: "not-applied" });
  for (const second of [unavailable, denied]) {
    const fails = [unavailable, second].map((error) => () => Promise.reject(error));
    const kv = scriptedKv(...fails, deleted, deleted);
    await expect(createOwnKey(fakeSession(kv).session, directory, limits)).rejects.toBe(second);
    await vi.waitFor(() => expect(kv.asked).toHaveLength(3));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(kv.asked.map(({ type }) => type)).toEqual(["txn", "txn", "delete", "delete"]);
  }
  expect(vi.getTimerCount()).toBe(0);
});

it("is not looked for again when it is known not to have been made", async () => {
  const refused = new EtcdError("PERMISSION_DENIED", "no", { outcome: "not-applied" });
  const kv = scriptedKv(() => Promise.reject(refused));
  await expect(createOwnKey(fakeSession(kv).session, directory, limits)).rejects.toBe(refused);
  expect(kv.asked).toHaveLength(1);
});

it("tells that the session is lost when its lease is not known", async () => {
  const kv = scriptedKv(() =>
    Promise.reject(new EtcdError("LEASE_NOT_FOUND", "no", { outcome: "not-applied" })),
  );
  const { session, end } = fakeSession(kv);
  const lost = new EtcdError("SESSION_LOST", "lost");
  const check = async (): Promise<void> => {
    end(lost);
    throw lost;
  };
  await expect(createOwnKey({ ...session, check }, directory, limits)).rejects.toBe(lost);
});

it("is removed in the background for as long as that fails, and the session lives", async () => {
  const fails: Answer = () => Promise.reject(unavailable);
  const kv = scriptedKv(() => txn(9n, true, {}), fails, fails, fails, deleted);
  const own = await createOwnKey(fakeSession(kv).session, directory, limits);
  await expect(own.remove()).rejects.toBe(unavailable);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(kv.asked).toHaveLength(5);
  expect(vi.getTimerCount()).toBe(0);

  const second = scriptedKv(() => txn(9n, true, {}), fails, fails, fails);
  const { session, end } = fakeSession(second);
  const other = await createOwnKey(session, directory, limits);
  await expect(other.remove()).rejects.toBe(unavailable);
  end(new EtcdError("CLOSED", "over"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(second.asked.length).toBeLessThanOrEqual(3);
  expect(vi.getTimerCount()).toBe(0);
});

it("is lost with the session, and cannot be removed then", async () => {
  const kv = scriptedKv(() => txn(9n, true, {}));
  const { session, end } = fakeSession(kv);
  const own = await createOwnKey(session, directory, limits);
  expect([own.isHeld(), own.remainingMs()]).toEqual([true, 5_000]);
  const lost = new EtcdError("SESSION_LOST", "lost");
  end(lost);
  expect(own.signal.reason).toBe(lost);
  expect([own.isHeld(), own.remainingMs()]).toEqual([false, 0]);
  await own.remove();
  expect(kv.asked).toHaveLength(1);
});

it("is lost when somebody else deletes it, or it cannot be watched any more", async () => {
  const denied = new EtcdError("PERMISSION_DENIED", "no");
  const gone = { type: 1, kv: pair("d/1", "", 12n) } as never;
  for (const outcome of [gone, denied]) {
    const kv = scriptedKv(() => txn(9n, true, {}));
    const watcher = scriptedWatcher(outcome);
    const own = await createOwnKey(fakeSession(kv, watcher).session, directory, limits);
    await vi.advanceTimersByTimeAsync(250);
    expect(own.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
    expect(own.signal.reason.cause).toBe(outcome === denied ? denied : undefined);
    expect(watcher.opened).toMatchObject([{ startRevision: 10n, events: "deletes" }]);
  }
});

it("is looked at again when history was compacted", async () => {
  const compacted = new EtcdError("COMPACTED", "no");
  const kv = scriptedKv(
    () => txn(9n, true, {}),
    () => found(40n, pair("d/1", "", 9n)),
    () => found(50n),
  );
  const watcher = scriptedWatcher(compacted, compacted);
  const own = await createOwnKey(fakeSession(kv, watcher).session, directory, limits);
  await vi.advanceTimersByTimeAsync(250);
  expect(watcher.opened).toMatchObject([{ startRevision: 10n }, { startRevision: 41n }]);
  expect(own.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
});
