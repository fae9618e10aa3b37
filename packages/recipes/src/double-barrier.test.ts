import { EtcdError } from "@etcdkit/core";
import { expect, it } from "vitest";
import { fakeSession, found, pair, scriptedKv, txn } from "../test/fake-services.js";
import { createDoubleBarrier } from "./double-barrier.js";

// F67
it("the last one learns that its session is lost, not only that its key is gone", async () => {
  const kv = scriptedKv(
    () => found(8n),
    () => txn(9n, true, {}),
    () => found(9n, pair("b/waiters/1", "", 9n)),
    () => txn(10n, false),
    () => found(10n),
  );
  const { session, end } = fakeSession(kv);
  const lost = new EtcdError("SESSION_LOST", "lost");
  const check = async (): Promise<void> => {
    end(lost);
    throw lost;
  };
  await expect(createDoubleBarrier({ ...session, check }, "b", 1).enter()).rejects.toBe(lost);
});

// F69
it("the last one learns that its key was deleted", async () => {
  const kv = scriptedKv(
    () => found(8n),
    () => txn(9n, true, {}),
    () => found(9n, pair("b/waiters/1", "", 9n)),
    () => txn(10n, false),
    () => found(10n),
    () => ({ header: found(11n).header, deleted: 0, prevKvs: [] }),
  );
  const { session } = fakeSession(kv);
  await expect(createDoubleBarrier(session, "b", 1).enter()).rejects.toMatchObject({ code: "NOT_HOLDER" });
  expect(session.isHeld()).toBe(true);
});
