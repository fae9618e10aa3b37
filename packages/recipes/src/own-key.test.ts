import { EtcdError, type KeyValue, type TxnOp, utf8 } from "@etcdkit/core";
import { CallLimits } from "@etcdkit/core/spi";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Answer, fakeSession, found, header, pair, scriptedKv, txn } from "../test/fake-services.js";
import { gate } from "../test/gate.js";
import { createOwnKey, createOwnKeyIfFree } from "./own-key.js";

const directory = new TextEncoder().encode("d/");
const limits = new CallLimits("a call");
const deleted: Answer = () => ({ header: header(30n), deleted: 1, prevKvs: [] });
const unavailable = new EtcdError("UNAVAILABLE", "no", { outcome: "unknown" });

/** The key that a request is to make. */
const keyOf = (request: unknown): Uint8Array => (request as TxnOp).compare[0]?.key ?? directory;

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
  await own.leave();
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
    () => found(30n),
  );
  const own = await createOwnKey(fakeSession(kv).session, directory, limits);
  const [first, second, again] = kv.asked;
  expect(keyOf(first)).not.toEqual(keyOf(second));
  expect(again).toEqual(second);
  expect(kv.calls.map((call) => call?.idempotent)).toEqual([undefined, undefined, true]);
  expect([own.createRevision, utf8(own.key)]).toEqual([8n, utf8(keyOf(second))]);
  await own.leave();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kv.asked).toHaveLength(5);
  expect(vi.getTimerCount()).toBe(0);
});

/** The key of the first request, as a copy of that made it. */
const latecomer = (asked: readonly unknown[], revision: bigint): KeyValue => ({
  ...pair("", "", revision, 77n),
  key: keyOf(asked[0]),
});

// The copy that was sent first may be carried out last, however soon the second one was answered.
it("is removed once more after a while when it was asked for twice", async () => {
  const kv = scriptedKv(
    () => Promise.reject(unavailable),
    () => txn(9n, true, {}),
    deleted,
    () => found(40n, latecomer(kv.asked, 35n)),
    deleted,
  );
  const own = await createOwnKey(fakeSession(kv).session, directory, limits);
  await own.leave();
  expect(kv.asked).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kv.asked.map(({ type }) => type)).toEqual(["txn", "txn", "delete", "range", "delete"]);
  expect(kv.asked[2]).toMatchObject({ type: "delete", key: own.key });
  expect(kv.asked[4]).toMatchObject({ type: "delete", key: own.key });
  expect(vi.getTimerCount()).toBe(0);
});

it("is not made where it has to be the only one, and is not", async () => {
  const kv = scriptedKv(() => txn(9n, false, found(9n)));
  expect(
    await createOwnKeyIfFree(fakeSession(kv).session, directory, { prefix: "w/" }, limits),
  ).toBeUndefined();
  expect(kv.asked).toHaveLength(1);
  expect(kv.asked[0]).toMatchObject({
    compare: [{ target: "version" }, { target: "version", rangeEnd: expect.anything() }],
  });
});

it("is removed, though others came first, when it was asked for twice", async () => {
  const kv = scriptedKv(
    () => Promise.reject(unavailable),
    () => txn(9n, false, found(9n)),
    () => found(40n, latecomer(kv.asked, 35n)),
    deleted,
  );
  const { session } = fakeSession(kv);
  expect(await createOwnKeyIfFree(session, directory, { prefix: "w/" }, limits)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kv.asked.map(({ type }) => type)).toEqual(["txn", "txn", "range", "delete"]);
  expect(kv.asked[3]).toMatchObject({ type: "delete", key: keyOf(kv.asked[0]) });
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
  expect(kv.asked[1]).toMatchObject({ type: "delete", key: keyOf(kv.asked[0]) });
});

it("is removed, and once more after a while, when it is not known whether it was made", async () => {
  const denied = new EtcdError("PERMISSION_DENIED", "no", { outcome: "not-applied" });
  for (const second of [unavailable, denied]) {
    const fails = [unavailable, second].map((error) => () => Promise.reject(error));
    const kv = scriptedKv(
      ...fails,
      () => found(20n, latecomer(kv.asked, 9n)),
      deleted,
      () => found(40n, latecomer(kv.asked, 35n)),
      deleted,
    );
    await expect(createOwnKey(fakeSession(kv).session, directory, limits)).rejects.toBe(second);
    await vi.waitFor(() => expect(kv.asked).toHaveLength(4));
    expect(kv.asked[3]).toMatchObject({ type: "delete", key: keyOf(kv.asked[0]) });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(kv.asked.map(({ type }) => type)).toEqual(["txn", "txn", "range", "delete", "range", "delete"]);
    expect(kv.asked[5]).toMatchObject({ type: "delete", key: keyOf(kv.asked[0]) });
  }
  expect(vi.getTimerCount()).toBe(0);
});

it("is not looked for again when it is known not to have been made", async () => {
  const refused = new EtcdError("PERMISSION_DENIED", "no", { outcome: "not-applied" });
  const kv = scriptedKv(() => Promise.reject(refused));
  await expect(createOwnKey(fakeSession(kv).session, directory, limits)).rejects.toBe(refused);
  await vi.advanceTimersByTimeAsync(10_000);
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
