import {
  type CallOptions,
  EtcdError,
  type KeyValue,
  type KvExecutor,
  type Op,
  outcomeOf,
  type ResultOf,
} from "@etcdkit/core";
import { noteOutcome, toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { headerAt } from "../../core/test/header-at.js";
import { ManualClock } from "../../core/test/manual-clock.js";
import { eventOf, FakeServices } from "../test/fake-services.js";
import { LeasingKeys } from "./leasing-keys.js";
import { LeasingSession } from "./leasing-session.js";
import { Owners } from "./owners.js";
import { TimeLimit } from "./time-limit.js";

const range = { key: toBytes("a", "key"), rangeEnd: toBytes("b", "key") };
const foreign = ["l/a1", "l/a2"].map(
  (leasingKey) => eventOf(leasingKey, 5n, "", { createRevision: 5n, lease: 99n }).kv as KeyValue,
);

/** Owners at a server where somebody else owns two keys, and never lets go. */
async function stuck(ask: (call: CallOptions | undefined) => Promise<unknown>) {
  const [services, clock, life] = [new FakeServices(), new ManualClock(), new AbortController()];
  const { leases, watcher } = services;
  const kv: KvExecutor = {
    execute: <O extends Op>(op: O, call?: CallOptions) =>
      (op.type === "range"
        ? Promise.resolve({ header: headerAt(9n), kvs: foreign, more: false, count: 2 })
        : ask(call)) as Promise<ResultOf<O>>,
  };
  const keys = new LeasingKeys(toBytes("l/", "prefix"));
  const session = await LeasingSession.open({
    ...{ kv, leases, watcher, keys, clock, life: life.signal, ttlSeconds: 10 },
    ...{ maxKeys: 100, maxBytes: 1_000_000, doubtedUpTo: 0n },
  });
  const owners = new Owners(kv, keys);
  const clear = (call?: CallOptions): Promise<bigint | undefined> => {
    const purpose = { clock, life: life.signal, defaultMs: 60_000, outcome: "not-applied" as const };
    return owners.clear(session, range, new TimeLimit(purpose, call));
  };
  return { services, clock, session, clear };
}

describe("owners that are asked to let go of a range", () => {
  it("are not asked again and again when the session is over that would see them leave", async () => {
    let asked = 0;
    const { services, session, clear } = await stuck(() => {
      asked += 1;
      if (asked > 10) throw new Error("asked without a pause");
      return Promise.resolve({ header: headerAt(10n), succeeded: true, responses: [] });
    });
    const clearing = clear();
    await new Promise(setImmediate);
    services.lose();
    expect(await clearing).toBeUndefined();
    expect([asked, session.signal.aborted]).toEqual([2, true]);
  });

  it("may be left waiting: of the write is then known that it was not sent, whatever has come of the question", async () => {
    const caller = new AbortController();
    const { session, clear } = await stuck((call) => {
      const { signal } = call ?? {};
      setImmediate(() => caller.abort(new Error("changed my mind")));
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          noteOutcome(signal.reason, "unknown");
          reject(signal.reason);
        });
      });
    });
    await expect(clear({ signal: caller.signal })).rejects.toThrow("changed my mind");
    expect(outcomeOf(caller.signal.reason)).toBe("not-applied");
    session.end(new Error("over"));
  });

  it("are not waited for any longer when one of them cannot be asked", async () => {
    let asked = 0;
    const { clock, session, clear } = await stuck(() => {
      asked += 1;
      return asked === 1
        ? Promise.resolve({ header: headerAt(10n), succeeded: true, responses: [] })
        : Promise.reject(new EtcdError("PERMISSION_DENIED", "not yours to ask"));
    });
    await expect(clear()).rejects.toMatchObject({ code: "PERMISSION_DENIED", outcome: "not-applied" });
    await clock.settle();
    expect(clock.timers).toEqual([]);
    session.end(new Error("over"));
  });
});
