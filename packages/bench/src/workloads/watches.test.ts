import { describe, expect, it } from "vitest";
import type { Driver, WatchSink } from "../clients/driver.js";
import { watchCatchUp, watchCatchUpWorkloads } from "./watch-catch-up.js";
import { watchFanOut, watchFanOutWorkloads } from "./watch-fan-out.js";
import { watchHold, watchHoldWorkloads } from "./watch-hold.js";
import { watchStoppedConsumer, watchStoppedConsumerWorkloads } from "./watch-stopped-consumer.js";
import type { Workload } from "./workload.js";

// Nobody asks it.
const endpoint = "http://none";

interface Store {
  readonly driver: Driver;
  readonly log: string[];
  /** Events that a reader that went on gets beside those that it should. */
  extra: number;
  /** Keeps the events of this watch back. */
  deaf: number | undefined;
  caughtUp: number;
}

/** A client without a server: every put is an event at every watch that is read. */
function store(): Store {
  const log: string[] = [];
  let watches = 0;
  let read = false;
  let to: WatchSink | undefined;
  let puts = 0;
  const refuse = (): Promise<number> => Promise.reject(new Error("not asked for"));
  const close = async (): Promise<void> => void log.push("close");
  const open = (what: string, count: number, sink: WatchSink): void => {
    log.push(`open ${what} ${count}`);
    [watches, to, puts] = [count, sink, 0];
  };
  const made: Store = {
    log,
    extra: 0,
    deaf: undefined,
    caughtUp: 0,
    driver: {
      get: refuse,
      txn: refuse,
      range: refuse,
      async put(_key, value) {
        puts++;
        for (let watch = 0; watch < watches && read; watch++) {
          if (watch !== made.deaf) to?.event(watch, value.length);
        }
        return 1;
      },
      watches: {
        async open(key, count, sink) {
          open(key, count, sink);
          const start = (): void => {
            read = true;
            log.push("read");
          };
          return { read: start, close };
        },
        catchUp: async (prefix, until) => {
          log.push(`catch up ${prefix} ${until}`);
          return made.caughtUp;
        },
        async openSome(prefix, count, stopped, sink) {
          open(`${prefix} (${stopped} stopped)`, count, sink);
          read = true;
          const readOn = async (): Promise<readonly number[]> =>
            Array.from({ length: stopped }, () => puts + made.extra);
          return { readOn, close };
        },
      },
      close,
    },
  };
  return made;
}

function one(workloads: readonly Workload[], changes: Partial<Workload> = {}): Workload {
  const workload = workloads.at(-1);
  if (workload === undefined) throw new Error("there is no workload");
  return { ...workload, ...changes };
}

describe("watch-fan-out", () => {
  const workload = one(watchFanOutWorkloads, { held: 3 });

  it("puts, and waits for every watch", async () => {
    const { driver, log } = store();
    const { operation, finish } = await watchFanOut.begin(driver, workload, endpoint);
    expect(await operation(0)).toBe(watchFanOut.least(workload));
    expect(await operation(1)).toBe(3);
    expect(await finish?.()).toEqual({});
    expect(log).toEqual(["open bench/key-000000 3", "read", "close"]);
  });

  it("does not end an operation that a watch has not seen", async () => {
    const made = store();
    made.deaf = 1;
    const { operation, finish } = await watchFanOut.begin(made.driver, workload, endpoint);
    void operation(0);
    await expect(finish?.()).rejects.toThrow("watch 1 has seen 0 events instead of 1");
  });

  it("is not for a client without watches", async () => {
    const { driver } = store();
    const without = { ...driver, watches: undefined };
    await expect(watchFanOut.begin(without, workload, endpoint)).rejects.toThrow("are not measured");
  });
});

describe("watch-catch-up", () => {
  const workload = one(watchCatchUpWorkloads);

  it("goes from revision 1 to the last that was written, and wants every event once", async () => {
    const made = store();
    const { operation } = await watchCatchUp.begin(made.driver, workload, endpoint);
    made.caughtUp = 400_000;
    expect(await operation(0)).toBe(400_000);
    expect(made.log).toEqual(["catch up bench/key- 4001"]);
    expect(watchCatchUp.least(workload)).toBe(400_000);
    made.caughtUp = 400_001;
    await expect(operation(1)).rejects.toThrow("watch-catch-up: 400001 events instead of 400000");
  });
});

describe("watch-stopped-consumer", () => {
  const workload = one(watchStoppedConsumerWorkloads, { held: 4, valueBytes: 2 ** 20, keys: 2 });

  it("waits for the others, overruns the buffer of the one that stopped, and lets it read on", async () => {
    const { driver, log } = store();
    const { operation, finish } = await watchStoppedConsumer.begin(driver, workload, endpoint);
    expect(await operation(0)).toBe(3);
    const findings = await finish?.();
    expect(findings?.peakMemoryBytes).toBeGreaterThan(0);
    expect(log).toEqual(["open bench/key- (1 stopped) 3", "close"]);
  });

  it("fails when that one has lost an event or has one twice", async () => {
    for (const extra of [-1, 1]) {
      const made = store();
      const { finish } = await watchStoppedConsumer.begin(made.driver, workload, endpoint);
      made.extra = extra;
      await expect(finish?.()).rejects.toThrow(`had ${8 + extra} of 8 events`);
    }
  });
});

describe("watch-hold", () => {
  it.each([
    [false, ["open bench/key-000000 5", "still", "read", "close"]],
    [true, ["open bench/key-000000 5", "read", "still", "close"]],
  ])("looks at the end whether all watches live (with readers: %s)", async (read, expected) => {
    const { driver, log } = store();
    const holding = await watchHold.hold(driver, one(watchHoldWorkloads, { read }), endpoint, 5);
    log.push("still");
    expect(await holding.count()).toBe(0);
    await holding.verify();
    await holding.release();
    expect(log).toEqual(expected);
  });
});
