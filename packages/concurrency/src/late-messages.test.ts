import { setImmediate as turn } from "node:timers/promises";
import {
  type CallOptions,
  EtcdError,
  isEtcdError,
  type Kv,
  kvFrom,
  type Op,
  type ResultOf,
} from "@etcdkit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";

/** A request as it went out, which may arrive once more. */
interface Sent {
  readonly op: Op;
  readonly call: CallOptions | undefined;
}

/** A program whose idempotent requests are sent once more when they fail, as a connection does it. */
async function one() {
  const etcd = new FakeEtcd();
  const services = etcd.services();
  const sent: Sent[] = [];
  const send = <O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> => {
    sent.push({ op, call });
    return services.kv.execute(op, call);
  };
  const kv: Kv = kvFrom({
    execute: async (op, call) => {
      try {
        return await send(op, call);
      } catch (error) {
        if (call?.idempotent !== true || !isEtcdError(error, "UNAVAILABLE")) throw error;
        return await send(op, call);
      }
    },
  });
  const session = await openSession({ ...services, kv });
  /** A copy of each of some requests arrives that has been on its way until now. */
  const arriveLate = async (copies: readonly Sent[]): Promise<void> => {
    for (const { op } of copies) await services.kv.execute(op);
  };
  return { etcd, session, mutex: createMutex(session, "n"), sent, arriveLate };
}

const broken = new EtcdError("UNAVAILABLE", "the link broke", { outcome: "unknown" });

/** Lets the next requests fail before they arrive, or their answers. */
function breakNext(etcd: FakeEtcd, what: "request" | "answer", times: number): void {
  let left = times;
  etcd.onStep = (step) => {
    if (step === what && left-- > 0) throw broken;
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

/** The time until everything that was sent before has arrived or never will. */
async function passLateTime(): Promise<void> {
  await vi.advanceTimersByTimeAsync(10_000);
  await settle();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

// F68
describe("an entry into the queue that was sent twice", () => {
  it("is looked for once more when it was left, however soon the second was answered", async () => {
    const { etcd, mutex, sent, arriveLate } = await one();
    breakNext(etcd, "request", 1);
    const lock = await mutex.lock();
    const [entry] = sent;
    await lock.unlock();
    expect(etcd.keys()).toEqual([]);
    await arriveLate(entry === undefined ? [] : [entry]);
    expect(etcd.keys()).toHaveLength(1);
    await passLateTime();
    expect(etcd.keys()).toEqual([]);
    expect(await mutex.tryLock()).toBeDefined();
  });

  it("is looked for also when it was not free to enter, and when the first removal failed", async () => {
    const { etcd, mutex, sent, arriveLate } = await one();
    const other = await openSession(etcd.services());
    const held = await createMutex(other, "n").lock();
    breakNext(etcd, "request", 1);
    expect(await mutex.tryLock()).toBeUndefined();
    await held.unlock();
    await arriveLate(sent.slice(0, 1));
    expect(etcd.keys()).toHaveLength(1);
    await passLateTime();
    expect(etcd.keys()).toEqual([]);

    sent.length = 0;
    breakNext(etcd, "request", 1);
    const lock = await mutex.lock();
    breakNext(etcd, "request", 2);
    await expect(lock.unlock()).rejects.toBe(broken);
    await vi.advanceTimersByTimeAsync(100);
    await settle();
    expect(etcd.keys()).toEqual([]);
    await arriveLate(sent.slice(0, 1));
    expect(etcd.keys()).toHaveLength(1);
    await passLateTime();
    expect(etcd.keys()).toEqual([]);
  });

  it("is removed although what the second was told is that it may not be done", async () => {
    const { etcd, mutex } = await one();
    let requests = 0;
    const denied = new EtcdError("PERMISSION_DENIED", "not any more", { outcome: "not-applied" });
    etcd.onStep = (step) => {
      if (step === "answer" && requests === 1) throw broken;
      if (step === "request" && ++requests === 2) throw denied;
    };
    await expect(mutex.lock()).rejects.toBe(denied);
    await settle();
    expect(etcd.keys()).toEqual([]);
  });

  it("is not looked for while another place of the session may be what is found", async () => {
    const { etcd, mutex } = await one();
    breakNext(etcd, "request", 3);
    await expect(mutex.lock()).rejects.toBe(broken);
    const lock = await mutex.lock();
    await passLateTime();
    expect([lock.isHeld(), etcd.keys().length]).toEqual([true, 1]);
  });

  it("was answered late and left before, is removed when the answer comes", async () => {
    const { etcd, mutex } = await one();
    let answer = (): void => undefined;
    etcd.answers = new Promise((resolve) => {
      answer = resolve;
    });
    const given = expect(mutex.lock({ timeoutMs: 100 })).rejects.toMatchObject({
      code: "DEADLINE",
      message: "lock took longer than 100 ms, waiting for the cluster to answer",
    });
    await settle();
    await vi.advanceTimersByTimeAsync(100);
    await given;
    expect(etcd.keys()).toHaveLength(1);
    answer();
    await settle();
    expect(etcd.keys()).toEqual([]);
  });
});

describe("a removal from the queue that was sent twice", () => {
  it.each(["request", "answer"] as const)(
    "takes no later place of the session along, whichever %s of the entry was lost",
    async (what) => {
      const { etcd, mutex, sent, arriveLate } = await one();
      breakNext(etcd, what, 3);
      await expect(mutex.lock()).rejects.toBe(broken);
      await settle();
      await passLateTime();
      const removals = sent.filter(({ op }) => op.type === "txn" && op.success[0]?.type === "delete");
      const lock = await mutex.lock();
      await arriveLate(removals);
      await settle();
      expect([lock.isHeld(), etcd.keys().length]).toEqual([true, 1]);
      await lock.unlock();
    },
  );
});
